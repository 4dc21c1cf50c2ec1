"""``translate-svc demo``: a server, a speaker and a listener, live, in both directions."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from translate_svc.audio.files import read_audio
from translate_svc.cli.backend import Translator
from translate_svc.cli.event_view import EventView
from translate_svc.cli.output_file import output_file
from translate_svc.cli.recording import Recording
from translate_svc.cli.remote_backend import RemoteBackend
from translate_svc.cli.server_process import server_process
from translate_svc.cli.speech_track import SpeechTrack
from translate_svc.cli.text_view import TextView
from translate_svc.client import pace
from translate_svc.errors import InvalidArgument
from translate_svc.types import (
    Inspect,
    Samples,
    SpeechChunk,
    StreamSettings,
    TargetSettings,
    UtteranceDone,
)

_CLIPS = ("demo_eng.flac", "demo_spa.flac")
_OUTPUTS = ("demo_out", "demo_out_back")
_EXIT_UNEXPECTED = 1


@dataclass(frozen=True, slots=True, eq=False)
class _Clip:
    """A recording with its references and the places where its sentences end, in milliseconds."""

    name: str
    samples: Samples
    rate_hz: int
    source: str
    target: str
    translation: str
    sentence_ends_ms: tuple[int, ...]

    @classmethod
    def read(cls, folder: Path, name: str) -> _Clip:
        listing = folder / "clips.json"
        if not listing.is_file():
            raise InvalidArgument(
                "has no clips.json; run this in a checkout of the project", field=str(folder)
            )
        entries: list[dict[str, Any]] = json.loads(listing.read_text(encoding="utf-8"))["clips"]
        entry = next((entry for entry in entries if entry["file"] == name), None)
        if entry is None:
            raise InvalidArgument(f"does not list {name}", field=str(listing))
        return cls(
            name,
            *read_audio(folder / name),
            entry["source_language"],
            entry["target_language"],
            entry["translation"],
            tuple(sentence["end_ms"] for sentence in entry["sentences"]),
        )

    def last_word_end_ms(self, done: UtteranceDone) -> float:
        """Where the last sentence inside an utterance ends; the utterance's own end if none does."""
        start_ms, end_ms = (
            position * 1000 / self.rate_hz for position in (done.source.start, done.source.end)
        )
        inside = [ms for ms in self.sentence_ends_ms if start_ms < ms <= end_ms]
        return max(inside, default=end_ms)


def demo(
    model: Annotated[str, typer.Option(help="Model directory.")] = "model_cache/starter",
    clips: Annotated[Path, typer.Option(help="Folder of the clips and their clips.json.")] = Path(
        "tests/data"
    ),
    output: Annotated[Path, typer.Option(help="Folder for demo_out.wav and demo_out.json.")] = Path(),
) -> None:
    """Start a server, speak to it in real time, show what comes back as it comes; both directions.

    Writes demo_out.wav and demo_out.json, then demo_out_back.wav and demo_out_back.json. Exits with 0 only if
    both translations are the expected ones.
    """
    console = Console(highlight=False)
    both = [_Clip.read(clips, name) for name in _CLIPS]
    if not asyncio.run(_run(console, model, both, output)):
        sys.exit(_EXIT_UNEXPECTED)


async def _run(console: Console, model: str, clips: list[_Clip], output: Path) -> bool:
    console.print(f"Starting a server with {model} ...")
    as_expected = True
    async with server_process(["--model", model]) as address, RemoteBackend(address).open() as translator:
        console.print(f"Listening on {address}.")
        for clip, stem in zip(clips, _OUTPUTS, strict=True):
            wav, events = output / f"{stem}.wav", output / f"{stem}.json"
            console.print(f"\n[bold]{clip.name}: {clip.source} -> {clip.target}[/bold], in real time")
            with TextView(console) as view, output_file(wav) as part:
                recording = await _play(translator, clip, view, part)
            recording.save(events)
            console.print(f"Wrote {wav} and {events}.")
            as_expected &= _verdict(console, clip, recording)
    return as_expected


async def _play(translator: Translator, clip: _Clip, view: TextView, wav: Path) -> Recording:
    loop = asyncio.get_running_loop()
    settings = StreamSettings(
        targets=(TargetSettings(clip.target),), source_language=clip.source, include=frozenset(Inspect)
    )
    recording = Recording()
    shown = EventView(view, clip.rate_hz, clip.last_word_end_ms, "the last word")
    async with translator.stream(settings, clip.rate_hz) as stream:
        began_s = loop.time()
        stream.feed(pace(clip.samples, clip.rate_hz))
        track = SpeechTrack(wav, clip.rate_hz)
        async for event in stream:
            at_ms = (loop.time() - began_s) * 1000
            recording.add(event, at_ms)
            shown.take(event, at_ms)
            if isinstance(event, SpeechChunk):
                track.add(event)
        track.finish(len(clip.samples))
    return recording


def _verdict(console: Console, clip: _Clip, recording: Recording) -> bool:
    translation = recording.full_text(clip.target, transcript=False)
    if translation == clip.translation:
        console.print("[bold green]The translation is the expected one.[/bold green]")
        return True
    console.print(
        "[bold red]The translation is not the expected one.[/bold red]", f"Expected: {clip.translation}"
    )
    return False
