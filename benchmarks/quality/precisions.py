"""What each precision costs in quality, beside float32: a part of ``make quality``.

The held-out clips of tests/data/quality, of the four languages into the other three, and a minute of each
language translated simultaneously. One service after another, so that a machine with little memory can do
it. ``python -m benchmarks.quality.precisions`` measures this part alone and puts it into the kept results.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.quality.clip import Clip, by_language, load_clips
from benchmarks.quality.figures import Figures, PrecisionFigures, load, save
from benchmarks.quality.measures.scores import text_scores, word_error_rate
from benchmarks.quality.pipeline import settings_for, translate_all
from benchmarks.quality.report import RESULTS, ROOT, precision_table, write_pages
from benchmarks.simultaneous.listen import SIMULTANEOUS
from benchmarks.simultaneous.measure import Task, measure_text, run
from benchmarks.simultaneous.monologues import VARIANTS, shipped_clips
from training.starter.grammar import LANGUAGES
from translate_svc.config import Settings
from translate_svc.service import Service

CLIPS = ROOT / "tests" / "data" / "quality"
PRECISIONS = ("bfloat16", "int8")
REFERENCE = "float32"
_SLOTS = 32
_SPOKEN_S = 60.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back of one set in one spoken language: a text a clip, by its language."""

    transcripts: Sequence[str]
    translations: dict[str, list[str]]


def rows_of(precision: str, clips: Sequence[Clip], heard: Heard, reference: Heard) -> list[PrecisionFigures]:
    """Scores of what was ``heard``, and how many of its texts equal those of the ``reference``."""
    source = clips[0].language
    wer = word_error_rate([clip.transcript for clip in clips], heard.transcripts)
    equal = _equal(heard.transcripts, reference.transcripts)
    rows = [PrecisionFigures(precision, source, source, None, wer, equal, len(clips))]
    for target, texts in heard.translations.items():
        bleu = text_scores([clip.texts[target] for clip in clips], texts).bleu
        equal = _equal(texts, reference.translations[target])
        rows.append(PrecisionFigures(precision, source, target, bleu, None, equal, len(clips)))
    return rows


def _equal(texts: Sequence[str], others: Sequence[str]) -> float:
    return 100.0 * sum(map(str.__eq__, texts, others)) / len(texts)


async def hear(model: Path, precision: str, clips: Sequence[Clip]) -> dict[str, Heard]:
    """All clips through one service, by spoken language."""
    found: dict[str, Heard] = {}
    settings = Settings(model=str(model), dtype=precision, max_slots=_SLOTS, measure_capacity=False)
    async with Service.start(settings) as service:
        for language, some in by_language(clips).items():
            targets = [code for code in some[0].texts if code != language]
            wanted = settings_for(language, targets, transcript=True)
            outputs = await translate_all(service, [(clip.samples, wanted) for clip in some])
            found[language] = Heard(
                [each.transcript for each in outputs],
                {code: [each.translations.get(code, "") for each in outputs] for code in targets},
            )
    return found


def measure(model: Path, clips: Sequence[Clip], precisions: Sequence[str] = PRECISIONS) -> Figures:
    """Rows of each precision, float32 first."""
    reference = asyncio.run(hear(model, REFERENCE, clips))
    rows: list[PrecisionFigures] = []
    for precision in (REFERENCE, *precisions):
        heard = reference if precision == REFERENCE else asyncio.run(hear(model, precision, clips))
        for language, some in by_language(clips).items():
            rows += rows_of(precision, some, heard[language], reference[language])
    return Figures(precisions=tuple(rows))


def measure_simultaneous(model: Path, source: str, precisions: Sequence[str] = PRECISIONS) -> Figures:
    """BLEU of a minute of speech that is translated while it is spoken, in each precision, on a clock that
    waits for the engine. Into one language, so that over all sources each is a target once.
    """
    clips, codes = shipped_clips(source), [str(each) for each in LANGUAGES]
    targets = [codes[(codes.index(source) + 1) % len(codes)]]
    rows = []
    for precision in (REFERENCE, *precisions):
        task = Task(
            model, clips, targets, (SIMULTANEOUS,), VARIANTS[0], 1, _SPOKEN_S, offline=False, dtype=precision
        )
        made = run(partial(measure_text, task)).text
        rows += [PrecisionFigures(precision, source, row.target, row.bleu, None, None, 1) for row in made]
    return Figures(simultaneous_precisions=tuple(rows))


def shipped() -> list[Clip]:
    """One sentence, and several."""
    return [clip for name in ("one", "several") for clip in load_clips(CLIPS, name)]


def main() -> None:
    """Measures, writes the kept results and the pages, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, default=ROOT / "model_cache" / "starter")
    parser.add_argument("--dtype", nargs="+", default=PRECISIONS)
    parser.add_argument("--dry", action="store_true", help="print alone, write nothing")
    arguments = parser.parse_args()
    clips = shipped()
    figures = measure(arguments.model, clips, arguments.dtype)
    print(precision_table(figures), flush=True)
    for source in by_language(clips):
        figures += measure_simultaneous(arguments.model, source, arguments.dtype)
    print(precision_table(figures))
    if not arguments.dry:
        new = {name: getattr(figures, name) for name in ("precisions", "simultaneous_precisions")}
        save(replace(load(RESULTS), **new), RESULTS)
        write_pages(load(RESULTS))


if __name__ == "__main__":
    main()
