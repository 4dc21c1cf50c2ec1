"""Two people at one microphone: `python -m benchmarks.conversations`.

For each ordered pair of the starter's languages the recordings of tests/data/quality (held-out sentences in
held-out voices) are said in turn, 0.3 to 1 s apart, as one stream that is told the two languages and nothing
else. Prints the share of the recordings that went into the right language, how many were told to be unsure,
and the BLEU of the translations beside that of the same recordings in two streams with their languages named.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.quality.measures.scores import text_scores
from translate_svc.config import Settings
from translate_svc.service import Service
from translate_svc.types import (
    AUTO,
    INTERNAL_SAMPLE_RATE_HZ,
    SAMPLES_ENCODING,
    AudioFormat,
    AudioInput,
    Caller,
    Echo,
    EndInput,
    LanguageDetected,
    SampleRange,
    Samples,
    SimultaneousSettings,
    SpeechEnded,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TextDelta,
)

_DATA = Path(__file__).parents[1] / "tests" / "data" / "quality"
_FORMAT = AudioFormat(SAMPLES_ENCODING, INTERNAL_SAMPLE_RATE_HZ)
_GAP_S = (0.3, 1.0)
_SEED = 36
_CHUNK_SAMPLES = 3_200
_CALLER = Caller("conversations")


@dataclass(slots=True, eq=False)
class _Turn:
    """A recording in a conversation."""

    language: str
    samples: Samples
    texts: dict[str, str]
    start: int = 0
    heard: list[str] = field(default_factory=list)
    unsure: bool = False
    said: str = ""


def recordings() -> dict[str, list[_Turn]]:
    samples, _ = soundfile.read(_DATA / "one.ogg", dtype="float32")
    found: defaultdict[str, list[_Turn]] = defaultdict(list)
    for row in json.loads((_DATA / "one.json").read_text(encoding="utf-8")):
        clip = np.ascontiguousarray(samples[row["start_sample"] : row["end_sample"]])
        found[row["language"]].append(_Turn(row["language"], clip, row["texts"]))
    return dict(found)


def joined(turns: list[_Turn]) -> Samples:
    """The sound of all turns with gaps between them. Notes where each begins."""
    rng, parts, position = np.random.default_rng(_SEED), [], 0
    for turn in turns:
        turn.start = position
        gap = np.zeros(int(rng.uniform(*_GAP_S) * INTERNAL_SAMPLE_RATE_HZ), np.float32)
        parts += [turn.samples, gap]
        position += len(turn.samples) + len(gap)
    return np.concatenate(parts)


def _turn_of(turns: list[_Turn], source: SampleRange) -> _Turn:
    """The one that most of ``source`` lies in."""

    def shared(turn: _Turn) -> int:
        return min(source.end, turn.start + len(turn.samples)) - max(source.start, turn.start)

    return max(turns, key=shared)


async def hear(service: Service, turns: list[_Turn], settings: StreamSettings) -> None:
    """Says the turns to one stream, and notes what came of each."""
    samples = joined(turns)
    session = await service.open_session(StreamConfig(_FORMAT, _FORMAT, settings), _CALLER)

    async def feed() -> None:
        for start in range(0, len(samples), _CHUNK_SAMPLES):
            await session.receive(AudioInput(samples[start : start + _CHUNK_SAMPLES].astype("<f4").tobytes()))
        await session.receive(EndInput(len(samples)))

    feeding = asyncio.create_task(feed())
    heard: dict[int, LanguageDetected] = {}
    texts: defaultdict[int, str] = defaultdict(str)
    places: dict[int, SampleRange] = {}
    async for event in session.events():
        match event:
            case LanguageDetected():
                heard[event.utterance_id] = event
            case TextDelta():
                texts[event.utterance_id] += event.delta
            case SpeechEnded():
                places[event.utterance_id] = event.source
    await feeding
    await session.cancel()
    for number, source in sorted(places.items()):
        turn = _turn_of(turns, source)
        if number in heard:
            turn.heard.append(heard[number].language)
            turn.unsure |= not heard[number].sure
        turn.said = f"{turn.said} {texts[number]}".strip()


async def converse(service: Service, first: str, second: str, *, simultaneous: bool) -> list[_Turn]:
    """Both languages in turn, and neither named."""
    said = recordings()
    turns = list(itertools.chain.from_iterable(zip(said[first], said[second], strict=True)))
    settings = StreamSettings(
        tuple(TargetSettings(code, speech=False) for code in (first, second)),
        AUTO,
        simultaneous=SimultaneousSettings() if simultaneous else None,
        source_candidates=(first, second),
        echo=Echo.SILENT,
    )
    await hear(service, turns, settings)
    return turns


async def named(service: Service, source: str, target: str, *, simultaneous: bool) -> list[str]:
    """The translations of one language's turns, with the language named."""
    turns = recordings()[source]
    target_alone = (TargetSettings(target, speech=False),)
    live = SimultaneousSettings() if simultaneous else None
    await hear(service, turns, StreamSettings(target_alone, source, simultaneous=live))
    return [turn.said for turn in turns]


async def measure(pairs: list[tuple[str, str]], *, simultaneous: bool) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    totals = [0, 0, 0]
    settings = Settings(model="model_cache/starter", device="cpu", dtype="float32", measure_capacity=False)
    async with Service.start(settings) as service:
        for first, second in pairs:
            turns = await converse(service, first, second, simultaneous=simultaneous)
            other = {first: second, second: first}
            right = sum(turn.heard != [] and set(turn.heard) == {turn.language} for turn in turns)
            unsure = sum(turn.unsure for turn in turns)
            one = await named(service, first, second, simultaneous=simultaneous)
            two = await named(service, second, first, simultaneous=simultaneous)
            alone = list(itertools.chain.from_iterable(zip(one, two, strict=True)))
            references = [turn.texts[other[turn.language]] for turn in turns]
            rows[f"{first}-{second}"] = {
                "turns": len(turns),
                "right": right,
                "unsure": unsure,
                "bleu": round(text_scores(references, [turn.said for turn in turns]).bleu, 1),
                "bleu_named": round(text_scores(references, alone).bleu, 1),
            }
            print(f"{first}-{second}", rows[f"{first}-{second}"], flush=True)
            for index, value in enumerate((len(turns), right, unsure)):
                totals[index] += value
    return {
        "pairs": rows,
        "right": round(totals[1] / totals[0], 4),
        "unsure": round(totals[2] / totals[0], 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--simultaneous", action="store_true")
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--report", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    pairs = list(itertools.permutations(sorted(recordings()), 2))[:: max(1, 12 // arguments.pairs)]
    figures = asyncio.run(measure(pairs, simultaneous=arguments.simultaneous))
    print(json.dumps({name: figures[name] for name in ("right", "unsure")}))
    if arguments.report is not None:
        arguments.report.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
