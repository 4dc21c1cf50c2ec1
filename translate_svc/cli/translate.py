"""``translate-svc translate``: a file in, its translation out."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from translate_svc.cli import options
from translate_svc.cli.backend import Backend, choose_backend
from translate_svc.cli.connection import client_options
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.language_argument import label, match_language
from translate_svc.cli.media_reader import MediaReader
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
from translate_svc.errors import TranslateSvcError, Unavailable
from translate_svc.languages import LanguageTable
from translate_svc.types import (
    Closed,
    Inspect,
    SessionEvent,
    StreamSettings,
    UtteranceDone,
    UtteranceStatus,
)

_PROGRAM = "translate-svc"


@dataclass(frozen=True, slots=True)
class _Job:
    """The command line, as far as it can be checked without a model."""

    source: Path
    to: tuple[str, ...]
    from_: str | None
    text: bool
    transcript: bool
    output: Path | None
    subtitles: Path | None
    json: Path | None
    json_audio: bool

    def __post_init__(self) -> None:
        if not self.to and not self.transcript:
            raise UsageError("is needed, unless --transcript is all that is wanted", field="--to")
        if self.transcript and self.from_ is None:
            raise UsageError("needs --from", field="--transcript")
        if self.output is not None and (self.text or not self.to):
            raise UsageError("is for speech, of which there is none to write", field="--output")
        check_output(self.output)
        if self.subtitles is not None and self.subtitles.suffix not in SUBTITLE_FORMATS:
            raise UsageError("must end in .srt or .vtt", field="--subtitles")
        if self.json_audio and self.json is None:
            raise UsageError("needs --json", field="--json-audio")

    def settings(self, table: LanguageTable) -> StreamSettings:
        """What to ask of the stream. Speech is made only for those who take it."""
        source = None if self.from_ is None else match_language(self.from_, table, "--from")
        if source is not None and not source.speech_in:
            raise UsageError(f"the model does not understand spoken {label(source)}", field="--from")
        wanted = {Inspect.TRANSCRIPT: self.transcript, Inspect.TOKENS: bool(self.subtitles or self.json)}
        return StreamSettings(
            targets=target_settings(
                self.to,
                table,
                speech=(self.output is not None or self.json is not None) and not self.text,
                must_speak=self.output is not None,
            ),
            source_language=None if source is None else source.code,
            include=frozenset(inspect for inspect, is_wanted in wanted.items() if is_wanted),
        )


def translate(
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="Any audio or video file; - for standard input.")
    ],
    to: options.To = None,
    from_: options.From = None,
    text: Annotated[bool, typer.Option("--text", help="Text only, also in --json.")] = False,
    transcript: options.Transcript = False,
    output: options.Output = None,
    subtitles: Annotated[
        Path | None,
        typer.Option(metavar="SRT|VTT", help="Write subtitles, SubRip or WebVTT by the name's ending."),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="JSONL",
            help="Write every event, one JSON object a line; - for standard output.",
        ),
    ] = None,
    json_audio: Annotated[
        bool, typer.Option("--json-audio", help="With the speech in it, as base64.")
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

    The WAV file is as long as the source: every utterance lies where it was said, or later where the one
    before is still being spoken. With several targets out.wav becomes out.spa.wav and out.fra.wav, and so do
    subtitles; those of the transcript are out.eng.srt. Files appear when they are complete: a run that fails
    leaves none.
    """
    job = _Job(source, tuple(to or ()), from_, text, transcript, output, subtitles, json, json_audio)
    connection = client_options(
        tls_ca=tls_ca, tls_certificate=tls_certificate, tls_key=tls_key, api_key_file=api_key_file
    )
    backend = choose_backend(
        server, {"model": model, "model_cache": model_cache, "device": device}, connection
    )
    asyncio.run(_translate(job, backend))


class _Tally:
    """A sink that counts what is to be told in the end."""

    def __init__(self) -> None:
        self.utterances = 0
        self._failed = 0
        self.closed = False

    def take(self, event: SessionEvent) -> None:
        if isinstance(event, UtteranceDone):
            self.utterances += 1
            self._failed += event.status is UtteranceStatus.FAILED
        elif isinstance(event, Closed):
            self.closed = True

    def finish(self, source_samples: int) -> None:
        if not self.closed:
            raise Unavailable("the stream ended early")

    def tell(self, name: str, damage: str | None) -> None:
        """Raises what was not as it should be although the run came to its end."""
        if not self.utterances:
            print(f"{_PROGRAM}: no speech was found", file=sys.stderr)
        if damage is not None:
            raise TranslateSvcError(damage, field=name)
        if self._failed:
            raise TranslateSvcError(f"{self._failed} of {self.utterances} utterances could not be translated")


async def _translate(job: _Job, backend: Backend) -> None:
    """Files are in their places before anything is said about damage or failed utterances."""
    tally = _Tally()
    settings = job.settings(await backend.languages())
    async with MediaReader(job.source) as reader:
        with ExitStack() as files:
            sinks = [tally, *_file_sinks(job, settings, files, reader.media.sample_rate_hz)]
            await _run(backend, settings, reader, sinks, quiet=job.json == STDOUT)
        tally.tell(reader.name, reader.media.damage)


async def _run(
    backend: Backend, settings: StreamSettings, reader: MediaReader, sinks: list[Sink], *, quiet: bool
) -> None:
    """The whole file through one stream, and its events into ``sinks`` and onto the screen."""
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
                    sink.take(event)
    for sink in sinks:
        sink.finish(progress.sent_samples)


def _file_sinks(job: _Job, settings: StreamSettings, files: ExitStack, rate_hz: int) -> Iterator[Sink]:
    codes = [target.language for target in settings.targets]
    if job.output is not None:
        yield SpeechSink(files, job.output, codes, rate_hz)
    if job.subtitles is not None:
        transcript = settings.source_language if job.transcript else None
        yield SubtitleSink(files, job.subtitles, codes, transcript, rate_hz)
    if job.json is not None:
        yield JsonSink(files, job.json, audio=job.json_audio)
