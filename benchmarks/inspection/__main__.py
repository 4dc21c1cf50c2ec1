"""Measures source times and costs, and draws docs/images/inspection.png."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.inspection.cost import measure_costs
from benchmarks.inspection.figure import draw
from benchmarks.inspection.listen import listen
from benchmarks.inspection.sets import SpokenClip, fresh_clips, shipped_clips
from benchmarks.inspection.source_times import Placement, SourceTimeFigures, figures, placements
from translate_svc.config import Settings
from translate_svc.models.decoder import text_decoder
from translate_svc.service import Service

_ROOT = Path(__file__).parents[2]
_RESULTS = _ROOT / "benchmarks" / "results" / "inspection.json"
_PICTURE = _ROOT / "docs" / "images" / "inspection.png"
_THRESHOLDS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
_PICTURED, _PICTURED_UTTERANCE = "demo_eng", 1


async def measure_source_times(
    service: Service, name: str, clips: Sequence[SpokenClip]
) -> list[SourceTimeFigures]:
    """One row a source language."""
    rows = []
    for language in sorted({clip.source_language for clip in clips}):
        placed: list[Placement] = []
        group = [clip for clip in clips if clip.source_language == language]
        for clip in group:
            heard = await listen(service, clip.samples, language, clip.target_language)
            tokens = [token for utterance in heard for token in utterance.transcript]
            placed += placements(clip.name, tokens, clip.words)
        rows.append(figures(name, language, placed, sum(len(clip.words) for clip in group)))
    return rows


async def sweep_thresholds(service: Service, clips: Sequence[SpokenClip]) -> list[dict[str, float]]:
    """The figures with other values of ``MIN_CONTRIBUTION``, over all languages."""
    shipped, rows = text_decoder.MIN_CONTRIBUTION, []
    try:
        for threshold in _THRESHOLDS:
            text_decoder.MIN_CONTRIBUTION = threshold
            placed = []
            for clip in clips:
                heard = await listen(service, clip.samples, clip.source_language, clip.target_language)
                tokens = [token for utterance in heard for token in utterance.transcript]
                placed += placements(clip.name, tokens, clip.words)
            row = figures("", "", placed, sum(len(clip.words) for clip in clips))
            rows.append(
                {
                    "threshold": threshold, "placed": row.placed, "median_ms": row.median_ms,
                    "p90_ms": row.p90_ms, "close": row.close,
                }
            )  # fmt: skip
    finally:
        text_decoder.MIN_CONTRIBUTION = shipped
    return rows


async def run(model: str, count: int, rounds: int) -> None:
    shipped = shipped_clips()
    async with Service.start(Settings(model=model, measure_capacity=False)) as service:
        rows = await measure_source_times(service, "shipped clips", shipped)
        if count:
            rows += await measure_source_times(service, "fresh sentences", fresh_clips(count))
        thresholds = await sweep_thresholds(service, shipped)
        costs = await measure_costs(service, shipped, rounds)
        pictured = next(clip for clip in shipped if clip.name == _PICTURED)
        heard = await listen(service, pictured.samples, pictured.source_language, pictured.target_language)
    _PICTURE.parent.mkdir(parents=True, exist_ok=True)
    draw(pictured, heard[_PICTURED_UTTERANCE], _PICTURE)
    results = {
        "model": Path(model).name,
        "source_times": [row.as_dict() for row in rows],
        "thresholds": thresholds,
        "costs": [cost.as_dict() for cost in costs],
    }
    _RESULTS.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    for row in rows:
        print(", ".join(f"{name} {value}" for name, value in asdict(row).items()))
    for threshold in thresholds:
        print(threshold)
    for cost in costs:
        print(f"{cost.include}: {cost.ratio:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default=str(_ROOT / "model_cache" / "starter"))
    parser.add_argument(
        "--count", type=int, default=150, help="fresh sentences a language, by espeak-ng's library; 0: none"
    )
    parser.add_argument("--rounds", type=int, default=5, help="of the measurement of costs")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.model, arguments.count, arguments.rounds))


if __name__ == "__main__":
    main()
