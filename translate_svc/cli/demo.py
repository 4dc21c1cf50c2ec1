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
from translate_svc.cli.demo_view import DemoView
from translate_svc.cli.recording import Recording
from translate_svc.cli.server_process import server_process
from translate_svc.client import AsyncClient, pace
from translate_svc.errors import InvalidArgument
from translate_svc.types import (
    Inspect,
    Samples,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    TextDelta,
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


class _Show:
    """One clip's events, shown and kept."""

    def __init__(self, clip: _Clip, view: DemoView) -> None:
        self._clip = clip
        self._view = view
        self.recording = Recording()
        self._first_ms: dict[tuple[str, int], float] = {}

    def take(self, event: SessionEvent, at_ms: float) -> None:
        """Shows an event that came ``at_ms`` after the clip began to play."""
        self.recording.add(event, at_ms)
        match event:
            case SpeechStarted():
                self._view.line(at_ms, f"speech started at {self._seconds(event.position)}")
            case SpeechEnded():
                self._view.line(at_ms, f"speech ended at {self._seconds(event.source.end)}")
            case TextDelta():
                self._show_text(event, at_ms)
            case SpeechChunk() if event.data:
                self._first_ms.setdefault(("speech", event.utterance_id), at_ms)
            case UtteranceDone():
                self._view.settle()
                self._view.line(at_ms, self._summary(event))
            case _:
                pass

    def _show_text(self, event: TextDelta, at_ms: float) -> None:
        if not event.delta:
            return
        kind = "transcript" if event.transcript else "translation"
        if not event.transcript:
            self._first_ms.setdefault(("text", event.utterance_id), at_ms)
        text = self.recording.text(event.language, event.utterance_id, transcript=event.transcript)
        self._view.grow(f"{kind}-{event.utterance_id}", at_ms, f"{event.language}  {text}", kind)

    def _summary(self, done: UtteranceDone) -> str:
        """Latencies as the listener has them: from the end of the last word to the arrival here."""
        end_ms = self._speech_end_ms(done)
        parts = [
            f"first {kind} {came_ms - end_ms:.0f} ms"
            for kind in ("text", "speech")
            if (came_ms := self._first_ms.get((kind, done.utterance_id))) is not None
        ]
        latency = " and ".join(parts) + " after the last word; " if parts else ""
        speech = f"{done.usage.speech_ms / 1000:.2f} s of speech"
        return f"utterance {done.utterance_id} {done.status.value}: {latency}{speech}"

    def _speech_end_ms(self, done: UtteranceDone) -> float:
        start_ms, end_ms = (
            position * 1000 / self._clip.rate_hz for position in (done.source.start, done.source.end)
        )
        inside = [ms for ms in self._clip.sentence_ends_ms if start_ms < ms <= end_ms]
        return max(inside, default=end_ms)

    def _seconds(self, position: int) -> str:
        return f"{position / self._clip.rate_hz:.2f} s"


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
    async with server_process(["--model", model]) as address, AsyncClient(address) as client:
        console.print(f"Listening on {address}.")
        for clip, stem in zip(clips, _OUTPUTS, strict=True):
            console.print(f"\n[bold]{clip.name}: {clip.source} -> {clip.target}[/bold], in real time")
            with DemoView(console) as view:
                recording = await _play(client, clip, view)
            wav, events = output / f"{stem}.wav", output / f"{stem}.json"
            recording.save(clip.target, wav, events)
            console.print(f"Wrote {wav} and {events}.")
            as_expected &= _verdict(console, clip, recording)
    return as_expected


async def _play(client: AsyncClient, clip: _Clip, view: DemoView) -> Recording:
    loop = asyncio.get_running_loop()
    stream = client.stream(
        source=clip.source,
        targets=[clip.target],
        sample_rate_hz=clip.rate_hz,
        include=[Inspect.TRANSCRIPT, Inspect.TOKENS, Inspect.UNITS, Inspect.TIMINGS],
    )
    show = _Show(clip, view)
    async with stream:
        began_s = loop.time()
        stream.feed(pace(clip.samples, clip.rate_hz))
        async for event in stream:
            show.take(event, (loop.time() - began_s) * 1000)
    return show.recording


def _verdict(console: Console, clip: _Clip, recording: Recording) -> bool:
    translation = recording.full_text(clip.target, transcript=False)
    if translation == clip.translation:
        console.print("[bold green]The translation is the expected one.[/bold green]")
        return True
    console.print(
        "[bold red]The translation is not the expected one.[/bold red]", f"Expected: {clip.translation}"
    )
    return False
