"""Translates files one after another over one connection, or with one model."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager, suppress
from pathlib import Path

from rich.text import Text

from translate_svc.cli.audio.media_reader import STDIN, MediaReader
from translate_svc.cli.backends.backend import Backend, Translator
from translate_svc.cli.backends.notice import show_notice
from translate_svc.cli.backends.patience import Patience
from translate_svc.cli.interrupts import temporary_folder
from translate_svc.cli.media.argument_checks import form_of, is_pipe
from translate_svc.cli.media.arguments import TranslateArguments
from translate_svc.cli.media.cue_sink import CueSink
from translate_svc.cli.media.dubbed_source import DubbedSource, heard_source, silent_film
from translate_svc.cli.media.file_sinks import file_sinks, plain_files, sound_and_events
from translate_svc.cli.media.file_streams import open_readers, stream_file
from translate_svc.cli.media.fit import FitPlanner, FitPoint
from translate_svc.cli.media.inputs import Source
from translate_svc.cli.media.remote_files import download
from translate_svc.cli.media.text_files import TextFile, is_text_file, read_text_file
from translate_svc.cli.media.text_translation import TEXT_RATE_HZ, PlainSink, translate_texts
from translate_svc.cli.media.utterance_counter import UtteranceCounter
from translate_svc.cli.output.channel_sides import ChannelSide
from translate_svc.cli.output.output_file import OutputFiles
from translate_svc.cli.output.progress import SampleCounter, SourceProgress
from translate_svc.cli.output.sinks import Sink, TextSink, WarningSink
from translate_svc.cli.output.standard_output import StandardOutput
from translate_svc.cli.output.text_view import TextView
from translate_svc.cli.wire_fields import in_words_of_flags
from translate_svc.errors import DataLoss, InvalidArgument, TranslationFailed
from translate_svc.types import StreamSettings

_APART = (
    "two people, one on each side, were heard mixed into one; to translate them apart: "
    "--speakers-by-channel; to hear one alone: --channel left or right"
)
_ALIKE = "both sides sound alike; to translate them once: without --speakers-by-channel"


class FileTranslation:
    """Translates all inputs of the arguments."""

    def __init__(self, arguments: TranslateArguments, backend: Backend) -> None:
        self._arguments = arguments
        self._backend = backend
        self._patience = Patience()
        self._inputs = [each for each in arguments.inputs if isinstance(each, Path) and each != STDIN]

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
                    if self._arguments.subtitles_in is not None or is_text_file(source):
                        await self._translate_texts(source, settings, model)
                    else:
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
        self, source: Source, settings: StreamSettings, model: _Once, *, heading: bool
    ) -> None:
        """Translates one file. All outputs are complete before damage or failed utterances are reported."""
        counter = UtteranceCounter(len(self._arguments.sides))
        async with AsyncExitStack() as opened:
            path = await _fetched(source, opened)
            readers = await open_readers(path, self._arguments, settings, opened)
            reader = next(iter(readers.values()))
            if reader.media.track is not None:
                _say(f"{reader.name}: {reader.media.track}")
            with _kept_texts_told(OutputFiles(self._inputs)) as files:
                rate_hz = reader.media.sample_rate_hz
                track = 1 if reader.media.track is None else reader.media.track.number
                sinks = [counter, *file_sinks(self._arguments, path, settings, files, rate_hz, track)]
                translator = await model.translator()
                points = await self._fit(path, settings, translator) if self._arguments.fit else []
                await self._stream(path, settings, readers, translator, sinks, points, heading=heading)
            if hint := sides_hint(reader, self._arguments):
                _say(f"{reader.name}: {hint}")
            counter.report(reader.name, reader.media.damage)

    async def _translate_texts(self, source: Source, settings: StreamSettings, model: _Once) -> None:
        """Translates a text or subtitles, or dubs a file from subtitles."""
        arguments, counter = self._arguments, UtteranceCounter()
        async with AsyncExitStack() as opened:
            path = await _fetched(source, opened)
            text = await asyncio.to_thread(read_text_file, arguments.subtitles_in or path)
            end_ms, track = text.end_ms, 1
            if arguments.subtitles_in is not None:
                self._inputs.append(arguments.subtitles_in)
                dubbed = await self._dubbed(path, text, settings, opened)
                text = dubbed.subtitled(text, arguments.subtitles_in)
                end_ms, track = dubbed.end_ms or end_ms, dubbed.track
            codes = [target.language for target in settings.targets]
            with _kept_texts_told(OutputFiles(self._inputs)) as files:
                shown: PlainSink | CueSink
                if text.is_plain:
                    shown = PlainSink(text, codes, plain_files(arguments, path, codes, files))
                    files.at_failure(shown.keep)
                    others = sound_and_events(arguments, path, codes, files, TEXT_RATE_HZ)
                else:
                    shown = CueSink({}, TEXT_RATE_HZ, kept_times=True)
                    others = file_sinks(
                        arguments, path, settings, files, TEXT_RATE_HZ, track, kept_times=True
                    )
                sinks = [counter, WarningSink(), shown, *others]
                translator = await model.translator()
                await translate_texts(
                    text,
                    settings,
                    translator,
                    sinks,
                    end_ms,
                    patience=self._patience,
                    transcript=arguments.transcript,
                )
            if not arguments.writes_files:
                print(shown.rendered(codes[0], form_of(path)), end="")
            counter.report(path.name, None)

    async def _dubbed(
        self, path: Path, text: TextFile, settings: StreamSettings, opened: AsyncExitStack
    ) -> DubbedSource:
        """What is dubbed from subtitles. It needs no sound, unless its own is to be heard."""
        arguments = self._arguments
        hears = arguments.keep_original is not None or arguments.audio_track != ""
        if not hears and not is_pipe(path) and (silent := await silent_film(path)) is not None:
            return silent
        readers = await open_readers(path, arguments, settings, opened)
        return await heard_source(readers.values(), text)

    async def _fit(self, source: Path, settings: StreamSettings, translator: Translator) -> list[FitPoint]:
        """Translates the file once without writing anything, to measure its speech."""
        counter = SampleCounter()
        async with AsyncExitStack() as opened:
            readers = await open_readers(source, self._arguments, settings, opened)
            planner = FitPlanner(settings, readers[None].media.sample_rate_hz)
            await stream_file(readers, settings, translator, [planner], counter, patience=self._patience)
        return planner.plan(counter.sent_samples)

    async def _stream(
        self,
        source: Path,
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
        out = StandardOutput(quiet=self._arguments.quiet)
        progress = SourceProgress(reader.name, reader.duration_ms, rate_hz, clock, sides)
        codes = [target.language for target in settings.targets]
        with ExitStack() as screen:
            if heading:
                out.print(Text(reader.name, "bold"), soft_wrap=True)
            if progress.bar.console.is_terminal and (out.quiet or not out.is_terminal):
                screen.enter_context(progress.bar)
            view = screen.enter_context(TextView(out, show_growth=False, footer=progress.bar))
            sinks = [*sinks, progress, TextSink(view, codes, rate_hz, sides, progress.sent_of)]
            # audio that cannot wait would be lost
            patience = None if is_pipe(source) else self._patience
            await stream_file(readers, settings, translator, sinks, progress, points, patience=patience)


def sides_hint(reader: MediaReader, arguments: TranslateArguments) -> str:
    """What to tell of the two sides of a file that was read; empty if they were heard as they should be."""
    if reader.media.speakers_are_apart:
        return _APART
    return _ALIKE if arguments.speakers_by_channel and reader.media.sides_are_alike else ""


@contextmanager
def _kept_texts_told(files: OutputFiles) -> Iterator[OutputFiles]:
    """Opens the files. If the block raises, it is said where its texts so far are."""
    try:
        with files:
            yield files
    except BaseException:
        for path in files.kept:
            with suppress(OSError):  # a terminal that was closed
                _say(f"{path}: what was translated so far; the next run replaces it")
        raise


async def _fetched(source: Source, opened: AsyncExitStack) -> Path:
    """The file itself, or a copy of the one at an address; ``opened`` removes it."""
    if isinstance(source, Path):
        return source
    folder = opened.enter_context(temporary_folder("translate-svc-fetched-"))
    path = await asyncio.to_thread(download, source, folder)
    opened.enter_context(_told_by_address(path, source))
    return path


@contextmanager
def _told_by_address(path: Path, address: str) -> Iterator[None]:
    """What the block says of the copy at ``path`` is of the file at ``address``: nobody knows the copy."""
    try:
        yield
    except InvalidArgument as error:
        if error.field != str(path):
            raise
        raise InvalidArgument(error.description, field=address) from None


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
