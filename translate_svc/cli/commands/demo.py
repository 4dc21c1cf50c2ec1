"""``translate-svc demo``: starts a server and translates a clip in real time into the other languages."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from translate_svc import languages, wire
from translate_svc.audio.files import read_audio
from translate_svc.cli import interrupts, options
from translate_svc.cli.backends.backend import Translator
from translate_svc.cli.backends.notice import show_notice
from translate_svc.cli.backends.remote_backend import RemoteBackend
from translate_svc.cli.backends.server_process import server_process
from translate_svc.cli.commands.completion import complete_language
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.language_argument import match_language
from translate_svc.cli.output.event_view import EventView
from translate_svc.cli.output.output_file import OutputFiles, path_for
from translate_svc.cli.output.sinks import SpeechSink
from translate_svc.cli.output.standard_output import StandardOutput
from translate_svc.cli.output.text_view import TextView
from translate_svc.client import pace
from translate_svc.config import Settings
from translate_svc.errors import InvalidArgument
from translate_svc.languages import LanguageTable
from translate_svc.locations import demo_clips
from translate_svc.types import (
    Inspect,
    Samples,
    SessionEvent,
    SimultaneousSettings,
    StreamSettings,
    TargetSettings,
    TextDelta,
    UtteranceDone,
)

_OUTPUT = "demo_out"
_EXIT_UNEXPECTED = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Clip:
    """A recording, its text in every language, and the ends of its sentences in milliseconds."""

    path: Path
    samples: Samples
    rate_hz: int
    source: str
    texts: Mapping[str, str]
    sentence_ends_ms: tuple[int, ...]

    @classmethod
    def read(cls, folder: Path, name: str) -> _Clip:
        listing = folder / "clips.json"
        if not listing.is_file():
            raise InvalidArgument("has no clips.json", field=str(folder))
        entries: list[dict[str, Any]] = json.loads(listing.read_text(encoding="utf-8"))["clips"]
        entry = next((entry for entry in entries if entry["file"] == name), None)
        if entry is None:
            raise InvalidArgument(f"does not list {name}", field=str(listing))
        return cls(
            folder / name,
            *read_audio(folder / name),
            entry["source_language"],
            entry["texts"],
            tuple(sentence["end_ms"] for sentence in entry["sentences"]),
        )

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def targets(self) -> tuple[str, ...]:
        return tuple(language for language in self.texts if language != self.source)

    def last_word_end_ms(self, done: UtteranceDone) -> float:
        """The end of the last sentence inside an utterance, or the utterance's own end if there is none."""
        start_ms, end_ms = (
            position * 1000 / self.rate_hz for position in (done.source.start, done.source.end)
        )
        inside = [ms for ms in self.sentence_ends_ms if start_ms < ms <= end_ms]
        return max(inside, default=end_ms)


class EventLog:
    """The events of one stream with their arrival times in milliseconds, and the resulting texts."""

    def __init__(self) -> None:
        self._rows: list[dict[str, Any]] = []
        self._texts: defaultdict[tuple[bool, str, int], str] = defaultdict(str)

    def add(self, event: SessionEvent, at_ms: float) -> None:
        """Adds the next event, which arrived ``at_ms`` after the start."""
        row = wire.event_json(len(self._rows) + 1, event, audio=False)
        self._rows.append({"atMs": round(at_ms, 1)} | row)
        if isinstance(event, TextDelta):
            self._texts[event.transcript, event.language, event.utterance_id] += event.delta

    def full_text(self, language: str, *, transcript: bool) -> str:
        """The text of all utterances, joined by spaces."""
        texts = sorted(
            (utterance, text)
            for (kind, code, utterance), text in self._texts.items()
            if kind is transcript and code == language and text
        )
        return " ".join(text for _, text in texts)

    def save(self, path: Path) -> None:
        """Writes all events as one JSON array, without the bytes of speech."""
        path.write_text(json.dumps(self._rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def demo(
    from_: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="LANGUAGE",
            help="Language of the clip: eng, spa, fra or deu.",
            autocompletion=complete_language,
        ),
    ] = "eng",
    model: Annotated[str | None, options.setting_option("model")] = None,
    model_cache: Annotated[str | None, options.setting_option("model_cache")] = None,
    clips: Annotated[
        Path | None, typer.Option(help="Folder of the clips and their clips.json. Default: packaged ones.")
    ] = None,
    output: Annotated[Path, typer.Option(help="Folder for the output files.")] = Path(),
    simultaneous: options.Simultaneous = False,
) -> None:
    """Start a server, play a clip to it in real time, and translate it into all other languages at once.

    Writes the speech to demo_out.LANGUAGE.wav and every event to demo_out.json. Exits with 0 only if the
    transcript and the translations are as expected. With --simultaneous words come while the clip plays; its
    texts may then be others, and they do not count.
    """
    if importlib.util.find_spec("torch") is None:
        raise ModuleNotFoundError(name="torch")
    from translate_svc.cli.backends.local_backend import LocalBackend  # a third of a second

    console = StandardOutput()
    spoken = match_language(from_, languages.packaged(), "--from")
    name = f"demo_{spoken.code}.flac"
    if clips is None and not (demo_clips() / name).is_file():
        raise UsageError(f"there is no recording in {spoken.name} ({spoken.code})", field="--from")
    clip = _Clip.read(clips or demo_clips(), name)
    flags = {"model": model, "model_cache": model_cache}
    _check_voices(interrupts.run(LocalBackend(flags).languages()), clip)
    running = _run(console, Settings.load(flags), clip, output, simultaneous=simultaneous)
    if not interrupts.run(running, terminable=True):
        sys.exit(_EXIT_UNEXPECTED)


def _check_voices(table: LanguageTable, clip: _Clip) -> None:
    """Refuses a model that cannot do what the demo shows, before a server loads it.

    Raises:
        UsageError: the model has no voice for one of the languages.
    """
    for target in clip.targets:
        language = table.find(target)
        if language is None or not language.speech_out:
            raise UsageError(f"has no voice for {target}, which the demo speaks", field="--model")


async def _run(
    console: Console, settings: Settings, clip: _Clip, output: Path, *, simultaneous: bool
) -> bool:
    flags = ["--model", settings.model, "--model-cache", settings.model_cache]
    wav, events = output / f"{_OUTPUT}.wav", output / f"{_OUTPUT}.json"
    with OutputFiles([clip.path]) as files:  # before the server: a folder that is absent is told at once
        speech, log_file = SpeechSink(files, wav, clip.targets, clip.rate_hz), files.add(events)
        console.print(f"Starting a server with {settings.model} ...", markup=False)
        async with server_process(flags) as address, RemoteBackend(address).open() as translator:
            await show_notice(RemoteBackend(address))
            console.print(f"Listening on {address}.\n")
            console.print(
                f"[bold]{clip.name}: {clip.source} -> {', '.join(clip.targets)}[/bold], in real time"
            )
            with TextView(console, show_growth=False) as view:
                log = await _play(translator, clip, view, speech, simultaneous=simultaneous)
        log.save(log_file)
    _show_texts(console, clip, log, wav)
    console.print(f"\nEvery event is in {events}, the speech beside it.", markup=False)
    return _check_texts(console, clip, log) or simultaneous


async def _play(
    translator: Translator, clip: _Clip, view: TextView, speech: SpeechSink, *, simultaneous: bool
) -> EventLog:
    loop = asyncio.get_running_loop()
    settings = StreamSettings(
        targets=tuple(TargetSettings(target) for target in clip.targets),
        source_language=clip.source,
        include=frozenset(Inspect) - {Inspect.ALTERNATIVES} - (set() if simultaneous else {Inspect.DRAFTS}),
        simultaneous=SimultaneousSettings() if simultaneous else None,
    )
    log = EventLog()
    event_view = EventView(view, clip.rate_hz, clip.last_word_end_ms, "the last word")
    async with translator.stream(settings, clip.rate_hz) as stream:
        began_s = loop.time()
        stream.feed(pace(clip.samples, clip.rate_hz))
        async for event in stream:
            at_ms = (loop.time() - began_s) * 1000
            log.add(event, at_ms)
            event_view.show(event, at_ms)
            speech.write(event)
        speech.finish(len(clip.samples))
    return log


def _show_texts(console: Console, clip: _Clip, log: EventLog, wav: Path) -> None:
    """Prints the text in every language, and the file of its speech."""
    console.print()
    table = Table.grid(padding=(0, 2, 0, 0))
    for language, text in _texts(clip, log).items():
        named = languages.packaged().find(language)
        name = language if named is None else named.name
        written = clip.name if language == clip.source else path_for(wav, language, several=True).name
        style = "cyan" if language == clip.source else "bold green"
        table.add_row(f"  {name}", Text(text, style), Text(written, "dim"))
    console.print(table)


def _texts(clip: _Clip, log: EventLog) -> dict[str, str]:
    """Texts by language: the transcript first, then the translations."""
    return {
        language: log.full_text(language, transcript=language == clip.source)
        for language in (clip.source, *clip.targets)
    }


def _check_texts(console: Console, clip: _Clip, log: EventLog) -> bool:
    wrong = [language for language, text in _texts(clip, log).items() if text != clip.texts[language]]
    if not wrong:
        console.print("[bold green]The texts are the expected ones.[/bold green]")
    for language in wrong:
        line = Text.assemble((f"{language} is not the expected text:", "bold red"), " ", clip.texts[language])
        console.print(line, soft_wrap=True)
    return not wrong
