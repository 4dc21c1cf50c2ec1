"""``python -m benchmarks.segmentation``: what the segmenter's settings cost and give, for docs/tuning.md.

Clips of two to four sentences, with the pauses that speakers make, and clips of noise go through the service
with one setting changed at a time. Told for each: the silence that every answer waits for, how many
utterances a clip falls into, translation quality, and how many clips of noise start an utterance.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.quality.clip import Clip, load_clips
from benchmarks.quality.measures.scores import text_scores, word_error_rate
from benchmarks.quality.pipeline import Heard, settings_for, translate_all
from translate_svc.config import Settings
from translate_svc.service import Service
from translate_svc.types import VadSettings
from translate_svc.vad.options import FRAME_MS, VadOptions

_ROOT = Path(__file__).parents[1]
_RESULT = _ROOT / "benchmarks" / "results" / "segmentation.json"

_CHANGES = (
    VadSettings(),
    *(VadSettings(min_silence_ms=each) for each in (300, 400, 700, 1000)),
    *(VadSettings(threshold=each) for each in (0.2, 0.35, 0.7, 0.9)),
    *(VadSettings(min_speech_ms=each) for each in (30, 250)),
    *(VadSettings(prefix_padding_ms=each) for each in (0, 100)),
    *(VadSettings(max_utterance_ms=each) for each in (2500, 5000)),
)


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one setting. ``silence_ms`` passes between the last word and the cut, at the least."""

    setting: str
    silence_ms: int
    utterances_per_clip: float
    bleu: float
    transcript_wer: float
    noise_with_utterance: str


async def measure(
    service: Service, change: VadSettings, spoken: Sequence[Clip], noise: Sequence[Clip]
) -> Row:
    """One row: defaults but for ``change``."""
    heard = await _hear(service, change, spoken)
    disturbed = await _hear(service, change, noise)
    options = VadOptions().with_settings(change, field="vad")
    started = sum(result.utterances > 0 for result in disturbed)
    return Row(
        setting=_name(change),
        silence_ms=options.min_silence_frames * FRAME_MS,
        utterances_per_clip=round(sum(result.utterances for result in heard) / len(heard), 2),
        bleu=round(_mean_bleu(spoken, heard), 1),
        transcript_wer=round(
            word_error_rate([clip.transcript for clip in spoken], [each.transcript for each in heard]), 1
        ),
        noise_with_utterance=f"{started}/{len(noise)}",
    )


async def _hear(service: Service, change: VadSettings, clips: Sequence[Clip]) -> list[Heard]:
    jobs = []
    for clip in clips:
        settings = settings_for(clip.language, _targets(clip), transcript=True, manual=False)
        jobs.append((clip.samples, replace(settings, vad=change)))
    return await translate_all(service, jobs)


def _mean_bleu(clips: Sequence[Clip], heard: Sequence[Heard]) -> float:
    """Over the directions."""
    pairs: defaultdict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for clip, result in zip(clips, heard, strict=True):
        for target in _targets(clip):
            pairs[clip.language, target].append((clip.texts[target], result.translations.get(target, "")))
    scores = [text_scores(*map(list, zip(*group, strict=True))).bleu for group in pairs.values()]
    return sum(scores) / len(scores)


def _targets(clip: Clip) -> list[str]:
    return [language for language in clip.texts if language != clip.language]


def _name(change: VadSettings) -> str:
    given = {name: value for name, value in asdict(change).items() if value is not None}
    return ", ".join(f"{name} {value}" for name, value in given.items()) or "defaults"


def markdown(rows: Sequence[Row]) -> str:
    """The table of docs/tuning.md."""
    lines = [
        "| setting | silence before the cut, ms | utterances a clip | BLEU | transcript WER, % "
        "| noise clips that start an utterance |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {row.setting} | {row.silence_ms} | {row.utterances_per_clip} | {row.bleu} | {row.transcript_wer} "
        f"| {row.noise_with_utterance} |"
        for row in rows
    ]
    return "\n".join(lines)


async def _measure_all(model: str) -> list[Row]:
    folder = _ROOT / "tests" / "data" / "quality"
    spoken = load_clips(folder, "several")
    noise = [clip for clip in load_clips(folder, "speechless") if clip.name.startswith(("silence", "noise"))]
    async with Service.start(Settings(model=model, measure_capacity=False)) as service:
        return [await measure(service, change, spoken, noise) for change in _CHANGES]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default=str(_ROOT / "model_cache" / "starter"))
    rows = asyncio.run(_measure_all(parser.parse_args().model))
    print(markdown(rows))
    _RESULT.parent.mkdir(exist_ok=True)
    _RESULT.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


if __name__ == "__main__":
    main()
