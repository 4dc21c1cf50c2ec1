"""Whether everyday sentences that come back wrong are marked: ``python -m benchmarks.quality.everyday``.

200 everyday sentences in four languages (``everyday.json``, written by hand and judged by reading; what else
counts as right beside the reference stands there), typed, and spoken in held-out voices: most of them are
none that the starter knows. Beside them held-out sentences of the phrasebook, which are mostly right. None
is among those that ``calibrate`` learns from. Both are also typed as people in a hurry type. Speech needs
espeak-ng's library, as training does; ``--typed`` leaves it out.
"""

from __future__ import annotations

import argparse
import asyncio
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import numpy as np

from benchmarks.quality.pipeline import settings_for, translate_all
from benchmarks.quality.report import ROOT
from benchmarks.quality.sets import SEED, quiet_room, written_texts
from training.starter.corpus import speak
from training.starter.grammar import LANGUAGES
from training.starter.synthesis.voices import draw_voice
from translate_svc.cli.calibration.typed_texts import (
    TypedText,
    TypedTranslation,
    read_typed,
    translate_typed,
)
from translate_svc.config import Settings
from translate_svc.service import Service
from translate_svc.types import Samples

EVERYDAY = Path(__file__).with_name("everyday.json")
CARELESS: dict[str, Callable[[str], str]] = {
    "without end marks": lambda text: text.strip("\u00bf\u00a1.!? "),
    "in small letters without end marks": lambda text: text.lower().strip("\u00bf\u00a1.!? "),
    "in capitals": str.upper,
    "in quotation marks": lambda text: f"\u201c{text}\u201d",
    "with an emoji": lambda text: f"{text} \U0001f642",
    "with soft hyphens": lambda text: re.sub(r"(\w{3})(?=\w{3})", "\\1\u00ad", text),
}
"""What becomes of a text that is typed in a hurry, or copied."""

_PHRASEBOOK_TEXTS = 40
_SEED = 3_000


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


async def translate_spoken(
    service: Service, texts: Sequence[TypedText], *, transcript: bool
) -> list[TypedTranslation]:
    """The texts said by held-out voices in a quiet room, through streams as they are by default.

    ``transcript``: whether they ask for one, with which the confidence then compares.

    Raises:
        SynthesisError: a synthesizer is missing or fails.
    """
    numbered = sorted(enumerate(texts), key=lambda each: (each[1].language, tuple(each[1].texts)))
    found: list[TypedTranslation] = []
    for (source, targets), group in groupby(numbered, lambda each: (each[1].language, tuple(each[1].texts))):
        said = list(group)
        settings = settings_for(source, targets, transcript=transcript, manual=False)
        heard = await translate_all(service, [(_spoken(number, text), settings) for number, text in said])
        found += [
            TypedTranslation(text, target, output.translations.get(target, ""), (), target in output.flagged)
            for (_, text), output in zip(said, heard, strict=True)
            for target in targets
        ]
    return found


def _spoken(number: int, text: TypedText) -> Samples:
    rng = np.random.default_rng([SEED, _SEED, number])
    voice = draw_voice(text.language, rng, held_out=True)
    return quiet_room(speak([text.text], voice, rng), rng)


async def _measure(model: str, *, spoken: bool) -> Sequence[tuple[str, MarkFigures]]:
    sets = {"everyday": read_typed(EVERYDAY), "phrasebook": phrasebook()}
    found: list[tuple[str, MarkFigures]] = []
    async with Service.start(Settings(model=model, measure_capacity=False)) as service:
        for name, texts in sets.items():
            found.append((f"{name}, typed", figures_of(await translate_typed(service, texts))))
            for manner, typed in CARELESS.items():
                careless = [replace(each, text=typed(each.text)) for each in texts]
                found.append((f"{name}, {manner}", figures_of(await translate_typed(service, careless))))
            for transcript in (False, True) if spoken else ():
                heard = await translate_spoken(service, texts, transcript=transcript)
                beside = ", with a transcript" if transcript else ""
                found.append((f"{name}, spoken{beside}", figures_of(heard)))
    return found


def main() -> None:
    """Prints the figures of each set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default=str(ROOT / "model_cache" / "starter"))
    parser.add_argument("--typed", action="store_true", help="texts alone, no speech")
    arguments = parser.parse_args()
    for name, found in asyncio.run(_measure(arguments.model, spoken=not arguments.typed)):
        print(
            f"{name}: {found.wrong_marked} of {found.wrong} wrong texts marked, "
            f"{found.right_marked} of {found.right} right ones"
        )


if __name__ == "__main__":
    main()
