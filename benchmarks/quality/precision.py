"""``python -m benchmarks.quality.precision``: what bfloat16 does to translations and transcripts.

The held-out clips of ``make quality`` through a service in float32 and through one in bfloat16. Products are
rounded alike on every processor; how fast they are is a matter of ``benchmarks.throughput``. Writes
benchmarks/results/precision.json and prints it as a table.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.quality.clip import Clip
from benchmarks.quality.measures.scores import text_scores, word_error_rate
from benchmarks.quality.pipeline import PipelineOutput, settings_for, translate_all
from benchmarks.quality.report import ROOT
from benchmarks.quality.sets import spoken_clips
from benchmarks.throughput.measure import markdown
from training.starter.examples.batching import other_languages
from training.starter.grammar import LANGUAGES, Language
from translate_svc.config import Settings
from translate_svc.service import Service

_DTYPES = ("float32", "bfloat16")
_SETS = ("one", "several")
_MAX_SLOTS = 32
_RESULT = ROOT / "benchmarks" / "results" / "precision.json"


def measure(model: Path, count: int, part: tuple[str, Language]) -> dict[str, Any]:
    """One set in one language: scores by precision, and the share of texts that both agree on."""
    set_name, language = part
    clips = spoken_clips(set_name, language, count)
    heard = {dtype: asyncio.run(_heard(model, dtype, language, clips)) for dtype in _DTYPES}
    figures: dict[str, Any] = {"set": set_name, "language": language, "clips": len(clips)}
    for dtype in _DTYPES:
        bleus = [
            text_scores([clip.texts[target] for clip in clips], _texts(heard[dtype], target)).bleu
            for target in other_languages(language)
        ]
        wer = word_error_rate([clip.transcript for clip in clips], [each.transcript for each in heard[dtype]])
        figures[dtype] = {"bleu": round(mean(bleus), 2), "wer": round(wer, 2)}
    texts = [list(_all_texts(heard[dtype], language)) for dtype in _DTYPES]
    figures["equal_percent"] = round(100 * mean(a == b for a, b in zip(*texts, strict=True)), 1)
    return figures


async def _heard(model: Path, dtype: str, language: Language, clips: Sequence[Clip]) -> list[PipelineOutput]:
    settings = settings_for(language, other_languages(language), transcript=True)
    async with Service.start(
        Settings(model=str(model), dtype=dtype, max_slots=_MAX_SLOTS, measure_capacity=False)
    ) as service:
        return await translate_all(service, [(clip.samples, settings) for clip in clips])


def _texts(heard: Sequence[PipelineOutput], target: Language) -> list[str]:
    return [each.translations.get(target, "") for each in heard]


def _all_texts(heard: Sequence[PipelineOutput], language: Language) -> Iterator[str]:
    for target in other_languages(language):
        yield from _texts(heard, target)
    yield from (each.transcript for each in heard)


def table(parts: Sequence[dict[str, Any]]) -> str:
    """A row for each set and language."""
    columns = list(product(("bleu", "wer"), _DTYPES))
    header = ["set", "language", *(f"{score.upper()}, {dtype}" for score, dtype in columns), "texts equal, %"]
    rows = [
        [
            *(part["set"], part["language"]),
            *(part[dtype][score] for score, dtype in columns),
            part["equal_percent"],
        ]
        for part in parts
    ]
    return markdown("bfloat16 against float32", rows, header)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, default=ROOT / "model_cache" / "starter")
    parser.add_argument("--count", type=int, default=100, help="clips a language and set")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="processes")
    parser.add_argument("--result", type=Path, default=_RESULT)
    arguments = parser.parse_args()
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        todo = partial(measure, arguments.model, arguments.count)
        parts = list(pool.map(todo, product(_SETS, LANGUAGES)))
    arguments.result.write_text(json.dumps(parts, indent=1) + "\n", encoding="utf-8")
    print(table(parts))


if __name__ == "__main__":
    main()
