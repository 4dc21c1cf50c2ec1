"""Translates files one after another over one connection, or with one model."""

from __future__ import annotations

import asyncio
import math
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from rich.console import Console
from rich.text import Text

from translate_svc.cli.audio.media_reader import STDIN, MediaReader
from translate_svc.cli.backends.backend import Backend, Translator, show_notice
from translate_svc.cli.media.arguments import TranslateArguments
from translate_svc.cli.media.fit import FitPlanner, FitPoint, with_updates
from translate_svc.cli.output.channel_sides import ChannelSide
from translate_svc.cli.output.output_file import OutputFiles
from translate_svc.cli.output.progress import SampleCounter, SourceProgress
from translate_svc.cli.output.sinks import Sink, TextSink
from translate_svc.cli.output.text_view import TextView
from translate_svc.cli.wire_fields import in_words_of_flags
from translate_svc.errors import DataLoss, InvalidArgument, TranslationFailed, Unavailable
from translate_svc.types import (
    NO_SPEECH,
    Closed,
    EndReason,
    Samples,
    SessionEvent,
    SpeechEnded,
    StreamSettings,
    StreamWarning,
    UtteranceDone,
    UtteranceStatus,
)

_APART = (
    "each side has its own speaker; to translate both: --speakers-by-channel; "
    "to hear one alone: --channel left or right"
)
_ALIKE = "both sides sound alike; to translate them once: without --speakers-by-channel"
_MAX_AHEAD_S = 10


class UtteranceCounter:
    """A sink that counts utterances, failures and what is lost, for the report at the end of a file."""

    def __init__(self, streams: int = 1) -> None:
        """``streams``: how many translate the file."""
        self.utterances = 0
        self._without_text = 0
        self._cut_in_speech = 0
        self._silent: set[tuple[ChannelSide, int | None]] = set()
        self._failed = 0
        self._open_streams = streams

    def write(self, event: SessionEvent, side: ChannelSide = None) -> None:
        if isinstance(event, UtteranceDone):
            self.utterances += 1
            self._failed += event.status is UtteranceStatus.FAILED
            is_silent = (side, event.utterance_id) in self._silent
            self._without_text += event.status is UtteranceStatus.EMPTY and not is_silent
        elif isinstance(event, SpeechEnded):
            self._cut_in_speech += event.reason is EndReason.MAX_LENGTH
        elif isinstance(event, StreamWarning) and event.code == NO_SPEECH:
            self._silent.add((side, event.utterance_id))
        elif isinstance(event, Closed):
            self._open_streams -= 1

    def finish(self, source_samples: int) -> None:
        if self._open_streams:
            raise Unavailable("the stream ended early")

    def report(self, name: str, damage: str | None) -> None:
        """Reports problems of a run that came to its end. ``damage``: the fault of the file ``name``.

        Raises:
            DataLoss: the file is damaged.
            TranslationFailed: utterances could not be translated.
        """
        if not self.utterances:
            _say("no speech was found")
        if lost := self.losses():
            _say(f"{name}: {lost}")
        if (problem := self.problem(name, damage)) is not None:
            raise problem

    def losses(self) -> str:
        """What may be missing from the texts, for people; empty if nothing is."""
        counts = {
            "without a text": self._without_text,
            "cut within running speech, where words may be lost": self._cut_in_speech,
        }
        found = [f"{count} {what}" for what, count in counts.items() if count]
        return f"of {self.utterances} utterances {', and '.join(found)}" if found else ""

    def problem(self, name: str, damage: str | None) -> DataLoss | TranslationFailed | None:
        """The error that ``report`` raises; None if all of the file was translated."""
        if damage is not None:
            return DataLoss(damage, field=name)
        if self._failed:
            return TranslationFailed(
                f"{self._failed} of {self.utterances} utterances could not be translated"
            )
        return None


async def stream_file(
    readers: Mapping[ChannelSide, MediaReader],
    settings: StreamSettings,
    translator: Translator,
    sinks: Sequence[Sink],
    counter: SampleCounter,
    points: Sequence[FitPoint] = (),
) -> None:
    """Sends a whole file over a stream for each side, writes the events to ``sinks`` and finishes them.

    Args:
        readers: the readers of the file: one, or one for each side.
        settings: those of all streams.
        translator: opens the streams.
        sinks: take the events of all streams.
        counter: counts the sent audio.
        points: where the settings change.
    """

    async def stream_side(side: ChannelSide, reader: MediaReader) -> None:
        async with translator.stream(settings, reader.media.sample_rate_hz) as stream:
            blocks = with_updates(reader.blocks(), points, stream.update)
            stream.feed(counter.counted(abreast.kept(blocks, side), side))
            async for event in stream:
                for sink in sinks:
                    sink.write(event, side)

    rate_hz = next(iter(readers.values())).media.sample_rate_hz
    abreast = ConcurrentStreams(list(readers), _MAX_AHEAD_S * rate_hz)
    try:
        async with asyncio.TaskGroup() as streams:
            for side, reader in readers.items():
                streams.create_task(stream_side(side, reader))
    except BaseExceptionGroup as failures:
        # the first one is the cause; it ended the other stream
        raise failures.exceptions[0] from None
    for sink in sinks:
        sink.finish(counter.sent_samples)


async def open_readers(
    source: Path, arguments: TranslateArguments, settings: StreamSettings, opened: AsyncExitStack
) -> dict[ChannelSide, MediaReader]:
    """The readers of a file by side; ``opened`` closes them."""
    readers: dict[ChannelSide, MediaReader] = {}
    for side in arguments.sides:
        choice = arguments.choice(settings.source_language, side)
        readers[side] = await opened.enter_async_context(MediaReader(source, choice))
    return readers


class FileTranslation:
    """Translates all inputs of the arguments."""

    def __init__(self, arguments: TranslateArguments, backend: Backend) -> None:
        self._arguments = arguments
        self._backend = backend
        self._inputs = [path for path in arguments.inputs if path != STDIN]

    async def run(self) -> None:
        """Translates the files in their order. The model is loaded once, when the first file is open.

        Of several files, one that cannot be translated is reported and the others continue.

        Raises:
            TranslateSvcError: why the only file was not translated, or only in part.
            TranslationFailed: some of several files were not translated.
        """
        settings = self._arguments.settings(await self._backend.languages())
        if self._arguments.output_dir is not None:
            self._arguments.output_dir.mkdir(parents=True, exist_ok=True)
        await show_notice(self._backend)
        failed, several = 0, len(self._arguments.inputs) > 1
        async with AsyncExitStack() as connection:
            model = _Once(self._backend, connection)
            for source in self._arguments.inputs:
                try:
                    await self._translate(source, settings, model, heading=several)
                except (InvalidArgument, DataLoss, TranslationFailed) as error:
                    if not several:
                        raise
                    failed += 1
                    _say(in_words_of_flags(error))
        if failed:
            raise TranslationFailed(
                f"{failed} of {len(self._arguments.inputs)} files were not translated whole"
            )

    async def _translate(
        self, source: Path, settings: StreamSettings, model: _Once, *, heading: bool
    ) -> None:
        """Translates one file. All outputs are complete before damage or failed utterances are reported."""
        counter = UtteranceCounter(len(self._arguments.sides))
        async with AsyncExitStack() as opened:
            readers = await open_readers(source, self._arguments, settings, opened)
            reader = next(iter(readers.values()))
            if reader.media.track is not None:
                _say(f"{reader.name}: {reader.media.track}")
            with OutputFiles(self._inputs) as files:
                rate_hz = reader.media.sample_rate_hz
                track = 1 if reader.media.track is None else reader.media.track.number
                sinks = [counter, *self._arguments.file_sinks(source, settings, files, rate_hz, track)]
                translator = await model.translator()
                points = await self._fit(source, settings, translator) if self._arguments.fit else []
                await self._stream(settings, readers, translator, sinks, points, heading=heading)
            if reader.media.speakers_are_apart:
                _say(f"{reader.name}: {_APART}")
            if self._arguments.speakers_by_channel and reader.media.sides_are_alike:
                _say(f"{reader.name}: {_ALIKE}")
            counter.report(reader.name, reader.media.damage)

    async def _fit(self, source: Path, settings: StreamSettings, translator: Translator) -> list[FitPoint]:
        """Translates the file once without writing anything, to measure its speech."""
        counter = SampleCounter()
        async with AsyncExitStack() as opened:
            readers = await open_readers(source, self._arguments, settings, opened)
            planner = FitPlanner(settings, readers[None].media.sample_rate_hz)
            await stream_file(readers, settings, translator, [planner], counter)
        return planner.plan(counter.sent_samples)

    async def _stream(
        self,
        settings: StreamSettings,
        readers: Mapping[ChannelSide, MediaReader],
        translator: Translator,
        sinks: list[Sink],
        points: list[FitPoint],
        *,
        heading: bool,
    ) -> None:
        """Sends the whole file, and writes the events to ``sinks`` and to the screen."""
        sides, reader = list(readers), next(iter(readers.values()))
        rate_hz, clock = reader.media.sample_rate_hz, asyncio.get_running_loop().time
        out = Console(highlight=False, quiet=self._arguments.quiet)
        progress = SourceProgress(reader.name, reader.media.duration_ms, rate_hz, clock, sides)
        codes = [target.language for target in settings.targets]
        with ExitStack() as screen:
            if heading:
                out.print(Text(reader.name, "bold"), soft_wrap=True)
            if progress.bar.console.is_terminal and (out.quiet or not out.is_terminal):
                screen.enter_context(progress.bar)
            view = screen.enter_context(TextView(out, show_growth=False, footer=progress.bar))
            sinks = [*sinks, progress, TextSink(view, codes, rate_hz, sides, progress.sent_of)]
            await stream_file(readers, settings, translator, sinks, progress, points)


class _Once:
    """Opens the backend when it is first needed."""

    def __init__(self, backend: Backend, connection: AsyncExitStack) -> None:
        self._backend = backend
        self._connection = connection
        self._translator: Translator | None = None

    async def translator(self) -> Translator:
        if self._translator is None:
            self._translator = await self._connection.enter_async_context(self._backend.open())
        return self._translator


def _say(line: str) -> None:
    """Prints a line about a file on standard error."""
    print(f"translate-svc: {line}", file=sys.stderr)


class ConcurrentStreams:
    """No side gets more than ``max_ahead_samples`` ahead of the other.

    A side on which nobody speaks is translated faster. Its end would be reached long before, and the lines of
    the conversation would have to be kept until the other side is there too.
    """

    def __init__(self, sides: Sequence[ChannelSide], max_ahead_samples: int) -> None:
        self._max_ahead_samples = max_ahead_samples
        self._sent_samples: dict[ChannelSide, float] = dict.fromkeys(sides, 0)
        self._moved = asyncio.Condition()

    async def kept(self, blocks: AsyncIterator[Samples], side: ChannelSide) -> AsyncIterator[Samples]:
        """Yields ``blocks`` of a side, each when the other side is near enough."""
        async for block in blocks:
            await self._move(side, len(block))
            yield block
        await self._move(side, math.inf)

    async def _move(self, side: ChannelSide, samples: float) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: self._ahead(side) <= self._max_ahead_samples)
            self._sent_samples[side] += samples
            self._moved.notify_all()

    def _ahead(self, side: ChannelSide) -> float:
        return self._sent_samples[side] - min(self._sent_samples.values())
