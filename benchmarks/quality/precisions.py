"""What each precision costs in quality, beside float32: ``python -m benchmarks.quality.precisions``.

The held-out clips of tests/data/quality, of the four languages into the other three. One service after
another, so that a machine with little memory can do it. Writes benchmarks/results/precisions.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from benchmarks.quality.clip import Clip, by_language, load_clips
from benchmarks.quality.measures.scores import text_scores, word_error_rate
from benchmarks.quality.pipeline import settings_for, translate_all
from benchmarks.quality.report import ROOT
from translate_svc.config import Settings
from translate_svc.service import Service

CLIPS = ROOT / "tests" / "data" / "quality"
RESULTS = ROOT / "benchmarks" / "results" / "precisions.json"
_REFERENCE = "float32"
_SLOTS = 32


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back of one set in one spoken language: a text a clip, by its language."""

    transcripts: Sequence[str]
    translations: dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class Row:
    """One set and spoken language in one precision. BLEU is the mean over the targets; per cent all."""

    precision: str
    set_name: str
    language: str
    bleu: float
    wer: float
    equal: float
    texts: int


def rows_of(precision: str, set_name: str, clips: Sequence[Clip], heard: Heard, reference: Heard) -> Row:
    """Scores of what was ``heard``, and how many of its texts equal those of the ``reference``."""
    language = clips[0].language
    bleu = [
        text_scores([clip.texts[target] for clip in clips], texts).bleu
        for target, texts in heard.translations.items()
    ]
    pairs = list(zip(heard.transcripts, reference.transcripts, strict=True))
    for target, texts in heard.translations.items():
        pairs += zip(texts, reference.translations[target], strict=True)
    wer = word_error_rate([clip.transcript for clip in clips], heard.transcripts)
    equal = 100.0 * sum(one == other for one, other in pairs) / len(pairs)
    return Row(precision, set_name, language, sum(bleu) / len(bleu), wer, equal, len(pairs))


async def hear(model: str, precision: str, sets: dict[str, list[Clip]]) -> dict[tuple[str, str], Heard]:
    """All sets through one service, by set and spoken language."""
    found: dict[tuple[str, str], Heard] = {}
    settings = Settings(model=model, dtype=precision, max_slots=_SLOTS, measure_capacity=False)
    async with Service.start(settings) as service:
        for set_name, all_clips in sets.items():
            for language, clips in by_language(all_clips).items():
                targets = [code for code in clips[0].texts if code != language]
                wanted = settings_for(language, targets, transcript=True)
                outputs = await translate_all(service, [(clip.samples, wanted) for clip in clips])
                found[set_name, language] = Heard(
                    [each.transcript for each in outputs],
                    {code: [each.translations.get(code, "") for each in outputs] for code in targets},
                )
    return found


def measure(model: str, precisions: Sequence[str], sets: dict[str, list[Clip]]) -> list[Row]:
    """A row for each precision, float32 first, set and spoken language."""
    reference = asyncio.run(hear(model, _REFERENCE, sets))
    rows: list[Row] = []
    for precision in (_REFERENCE, *precisions):
        heard = reference if precision == _REFERENCE else asyncio.run(hear(model, precision, sets))
        for (set_name, language), each in heard.items():
            clips = by_language(sets[set_name])[language]
            rows.append(rows_of(precision, set_name, clips, each, reference[set_name, language]))
    return rows


def main() -> None:
    """Prints the table and writes the results."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default=str(ROOT / "model_cache" / "starter"))
    parser.add_argument("--dtype", nargs="+", default=["bfloat16", "int8"])
    arguments = parser.parse_args()
    sets = {name: load_clips(CLIPS, name) for name in ("one", "several")}
    rows = measure(arguments.model, arguments.dtype, sets)
    table = Table("precision", "set", "language", "BLEU", "WER %", "texts equal %", "texts")
    for row in rows:
        figures = (f"{row.bleu:.1f}", f"{row.wer:.1f}", f"{row.equal:.1f}", str(row.texts))
        table.add_row(row.precision, row.set_name, row.language, *figures)
    Console(highlight=False).print(table)
    RESULTS.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
