"""``translate-svc translate``: translates an audio or video file."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from translate_svc.audio.audio_tracks import AudioChoice, Channel
from translate_svc.cli import interrupts, options
from translate_svc.cli.backend import Backend, choose_backend, show_notice
from translate_svc.cli.connection import client_options
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.language_argument import label, match_language
from translate_svc.cli.media_reader import MediaReader
from translate_svc.cli.output_file import OutputFiles
from translate_svc.cli.progress import SourceProgress
from translate_svc.cli.sinks import (
    STDOUT,
    SUBTITLE_FORMATS,
    JsonSink,
    Sink,
    SpeechSink,
    SubtitleSink,
    TextSink,
)
from translate_svc.cli.targets import check_output, target_settings
from translate_svc.cli.text_view import TextView
from translate_svc.errors import DataLoss, TranslationFailed, Unavailable
from translate_svc.languages import LanguageTable
from translate_svc.types import (
    Closed,
    GuardSettings,
    Inspect,
    SessionEvent,
    SimultaneousSettings,
    StreamSettings,
    UtteranceDone,
    UtteranceStatus,
)

_PROGRAM = "translate-svc"
_ADDRESS = re.compile("([a-z][a-z0-9+.-]+):/")


@dataclass(frozen=True, slots=True)
class _TranslateArguments:
    """The arguments of the command, checked as far as possible without a model."""

    source: Path
    audio_track: str
    channel: Channel
    to: tuple[str, ...]
    from_: str | None
    text: bool
    transcript: bool
    output: Path | None
    subtitles: Path | None
    json: Path | None
    json_audio: bool
    simultaneous: bool = False
    flag_unsure: bool = True

    def __post_init__(self) -> None:
        if found := _ADDRESS.match(str(self.source)):
            address = str(self.source).replace(":/", "://", 1)  # a path has single slashes
            message = (
                f"is an address, not a file; fetch it first: curl {found[1]}://... | {_PROGRAM} translate -"
            )
            raise UsageError(message, field=address)
        if not self.to and not self.transcript:
            raise UsageError("is needed, unless --transcript is given", field="--to")
        if self.transcript and self.from_ is None:
            raise UsageError("needs --from", field="--transcript")
        if self.output is not None and (self.text or not self.to):
            raise UsageError("needs speech: give --to, and no --text", field="--output")
        check_output(self.output)
        if self.subtitles is not None and self.subtitles.suffix.lower() not in SUBTITLE_FORMATS:
            raise UsageError("must end in .srt or .vtt", field="--subtitles")
        if self.json_audio and self.json is None:
            raise UsageError("needs --json", field="--json-audio")

    def choice(self, source_language: str | None) -> AudioChoice:
        """The audio to hear of a file in which ``source_language`` (a Seamless code) is spoken."""
        return AudioChoice(self.audio_track, source_language, self.channel)

    def settings(self, table: LanguageTable) -> StreamSettings:
        """The settings of the stream. Speech is requested only if an output needs it."""
        source = None if self.from_ is None else match_language(self.from_, table, "--from")
        if source is not None and not source.speech_in:
            raise UsageError(f"the model does not understand spoken {label(source)}", field="--from")
        requested = {Inspect.TRANSCRIPT: self.transcript, Inspect.TOKENS: bool(self.subtitles or self.json)}
        return StreamSettings(
            targets=target_settings(
                self.to,
                table,
                speech=(self.output is not None or self.json is not None) and not self.text,
                must_speak=self.output is not None,
            ),
            source_language=None if source is None else source.code,
            include=frozenset(inspect for inspect, included in requested.items() if included),
            guards=GuardSettings(low_confidence=self.flag_unsure),
            simultaneous=SimultaneousSettings() if self.simultaneous else None,
        )


def translate(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="Any audio or video file; - for standard input.")
    ],
    to: options.To = None,
    from_: options.From = None,
    text: Annotated[bool, typer.Option("--text", help="Text only, also in --json.")] = False,
    transcript: options.Transcript = False,
    simultaneous: options.Simultaneous = False,
    audio_track: Annotated[
        str,
        typer.Option(
            metavar="NUMBER|LANGUAGE",
            help="Audio track of a film. Default: the one tagged as --from, else the film's default.",
            show_default=False,
        ),
    ] = "",
    channel: Annotated[
        Channel, typer.Option(help="Hear one side of a stereo recording, such as a call.")
    ] = Channel.MIX,
    flag_unsure: options.FlagUnsure = True,
    output: options.Output = None,
    subtitles: Annotated[
        Path | None,
        typer.Option(metavar="SRT|VTT", help="Write subtitles: SubRip (.srt) or WebVTT (.vtt)."),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="JSONL",
            help="Write every event as one JSON object per line; - for standard output.",
        ),
    ] = None,
    json_audio: Annotated[
        bool, typer.Option("--json-audio", help="Include the speech in --json, as base64.")
    ] = False,
    server: options.Server = None,
    tls_ca: options.TlsCa = None,
    tls_certificate: options.TlsCertificate = None,
    tls_key: options.TlsKey = None,
    api_key_file: options.ApiKeyFile = None,
    model: options.Model = None,
    model_cache: options.ModelCache = None,
    device: options.Device = None,
) -> None:
    """Translate an audio or video file of any length; show its texts with the times at which they were said.

    The WAV file is as long as the source. Every utterance begins when it was said, or later if the one before
    is not finished. With several targets, out.wav becomes out.spa.wav and out.fra.wav; subtitles are named in
    the same way, and those of the transcript are out.eng.srt. Files appear when they are complete: a run that
    fails leaves none.

    With --simultaneous the texts come as they would live. A text may then differ from the one that is made of
    the whole utterance, which is usually better.

    Examples:
      translate-svc translate film.mkv --from en --to es --subtitles film.srt
      translate-svc translate talk.mp3 --from en --to es,fr -o dub.wav
      translate-svc translate call.wav --from de --to en --channel left
      ffmpeg -i film.mp4 -f wav - | translate-svc translate - --to fr
    """
    arguments = _TranslateArguments(
        source,
        audio_track,
        channel,
        tuple(to or ()),
        from_,
        text,
        transcript,
        output,
        subtitles,
        json,
        json_audio,
        simultaneous,
        flag_unsure,
    )
    connection = client_options(
        tls_ca=tls_ca, tls_certificate=tls_certificate, tls_key=tls_key, api_key_file=api_key_file
    )
    backend = choose_backend(
        server, {"model": model, "model_cache": model_cache, "device": device}, connection
    )
    interrupts.run(_translate(arguments, backend))


class _UtteranceCounter:
    """A sink that counts utterances and failures, for the report at the end."""

    def __init__(self) -> None:
        self.utterances = 0
        self._failed = 0
        self.closed = False

    def write(self, event: SessionEvent) -> None:
        if isinstance(event, UtteranceDone):
            self.utterances += 1
            self._failed += event.status is UtteranceStatus.FAILED
        elif isinstance(event, Closed):
            self.closed = True

    def finish(self, source_samples: int) -> None:
        if not self.closed:
            raise Unavailable("the stream ended early")

    def report(self, name: str, damage: str | None) -> None:
        """Reports problems of a run that came to its end. ``damage``: what was wrong with the file ``name``.

        Raises:
            DataLoss: the file is damaged.
            TranslationFailed: utterances could not be translated.
        """
        if not self.utterances:
            _say("no speech was found")
        if damage is not None:
            raise DataLoss(damage, field=name)
        if self._failed:
            raise TranslationFailed(f"{self._failed} of {self.utterances} utterances could not be translated")


async def _translate(arguments: _TranslateArguments, backend: Backend) -> None:
    """Translates the file. All outputs are complete before damage or failed utterances are reported."""
    counter = _UtteranceCounter()
    settings = arguments.settings(await backend.languages())
    await show_notice(backend)
    choice = arguments.choice(settings.source_language)
    async with MediaReader(arguments.source, choice) as reader:
        _say(f"{reader.name}: {reader.media.track}" if reader.media.track is not None else "")
        with OutputFiles([arguments.source]) as files:
            sinks = [counter, *_file_sinks(arguments, settings, files, reader.media.sample_rate_hz)]
            await _run(backend, settings, reader, sinks, quiet=arguments.json == STDOUT)
        if reader.media.speakers_are_apart:
            _say(f"{reader.name}: each side has its own speaker; to hear one alone: --channel left or right")
        counter.report(reader.name, reader.media.damage)


def _say(line: str) -> None:
    """Prints a line about the file on standard error."""
    if line:
        print(f"{_PROGRAM}: {line}", file=sys.stderr)


async def _run(
    backend: Backend, settings: StreamSettings, reader: MediaReader, sinks: list[Sink], *, quiet: bool
) -> None:
    """Sends the whole file over one stream, and writes its events to ``sinks`` and to the screen."""
    rate_hz, clock = reader.media.sample_rate_hz, asyncio.get_running_loop().time
    out = Console(highlight=False, quiet=quiet)
    progress = SourceProgress(reader.name, reader.media.duration_ms, rate_hz, clock)
    codes = [target.language for target in settings.targets]
    with ExitStack() as screen:
        if progress.bar.console.is_terminal and (quiet or not out.is_terminal):
            screen.enter_context(progress.bar)
        view = screen.enter_context(TextView(out, show_growth=False, footer=progress.bar))
        sinks = [*sinks, progress, TextSink(view, codes, rate_hz)]
        async with backend.open() as translator, translator.stream(settings, rate_hz) as stream:
            stream.feed(progress.counted(reader.blocks()))
            async for event in stream:
                for sink in sinks:
                    sink.write(event)
    for sink in sinks:
        sink.finish(progress.sent_samples)


def _file_sinks(
    arguments: _TranslateArguments, settings: StreamSettings, files: OutputFiles, rate_hz: int
) -> Iterator[Sink]:
    codes = [target.language for target in settings.targets]
    if arguments.output is not None:
        yield SpeechSink(files, arguments.output, codes, rate_hz)
    if arguments.subtitles is not None:
        transcript = settings.source_language if arguments.transcript else None
        yield SubtitleSink(files, arguments.subtitles, codes, transcript, rate_hz)
    if arguments.json is not None:
        yield JsonSink(files, arguments.json, audio=arguments.json_audio)
