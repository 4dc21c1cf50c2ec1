"""Whether typed texts that come back wrong are marked: ``python -m benchmarks.quality.typed``.

200 everyday sentences in four languages (``everyday.json``, written by hand and judged by reading; what else
counts as right beside the reference stands there), and held-out sentences of the phrasebook, which are mostly
right. None of them is among those that ``calibrate`` learns from.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.quality.report import ROOT
from benchmarks.quality.sets import written_texts
from training.starter.grammar import LANGUAGES
from translate_svc.cli.calibration.typed_texts import (
    TypedText,
    TypedTranslation,
    read_typed,
    translate_typed,
)
from translate_svc.config import Settings
from translate_svc.service import Service

EVERYDAY = Path(__file__).with_name("everyday.json")
_PHRASEBOOK_TEXTS = 40


@dataclass(frozen=True, slots=True)
class MarkFigures:
    """How many wrong and right translations there are, and how many of each are marked."""

    wrong: int
    wrong_marked: int
    right: int
    right_marked: int


def figures_of(translations: Iterable[TypedTranslation]) -> MarkFigures:
    """Empty translations are wrong, and say so themselves."""
    wrong = wrong_marked = right = right_marked = 0
    for each in translations:
        if each.right:
            right, right_marked = right + 1, right_marked + each.flagged
        else:
            wrong, wrong_marked = wrong + 1, wrong_marked + (each.flagged or not each.text.strip())
    return MarkFigures(wrong, wrong_marked, right, right_marked)


def phrasebook(count: int = _PHRASEBOOK_TEXTS) -> list[TypedText]:
    """``count`` held-out sentences of each language, with their translations into the others."""
    return [
        TypedText(
            language,
            row[language],
            {code: (text,) for code, text in row.items() if code != language},
        )
        for language in LANGUAGES
        for row in written_texts(language, count)
    ]


async def _measure(model: str) -> Sequence[tuple[str, MarkFigures]]:
    async with Service.start(Settings(model=model, measure_capacity=False)) as service:
        return [
            (name, figures_of(await translate_typed(service, texts)))
            for name, texts in (("everyday", read_typed(EVERYDAY)), ("phrasebook", phrasebook()))
        ]


def main() -> None:
    """Prints both figures of each set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default=str(ROOT / "model_cache" / "starter"))
    for name, found in asyncio.run(_measure(parser.parse_args().model)):
        print(
            f"{name}: {found.wrong_marked} of {found.wrong} wrong texts marked, "
            f"{found.right_marked} of {found.right} right ones"
        )


if __name__ == "__main__":
    main()
