"""Whether the log-probabilities of a text's tokens tell if it is right.

The score of a text is the mean natural log-probability of its tokens. An empty text has none: it says itself
that there is nothing, and needs no flag.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.quality.clip import Clip, by_language
from benchmarks.quality.figures import ConfidenceFigures, Figures
from benchmarks.quality.pipeline import settings_for, translate_all
from translate_svc.service import Service

FALSE_ALARMS = 0.05
"""Share of right texts that the threshold flags."""


@dataclass(frozen=True, slots=True)
class Scored:
    """A text's score, None where it is empty, and whether it is the reference to the letter."""

    score: float | None
    right: bool


async def measure_confidence(service: Service, sets: Mapping[str, Sequence[Clip]], known: str) -> Figures:
    """Over all translations of each set. The threshold comes from the right texts of the set `known`."""
    scored = {name: await _scored(service, clips) for name, clips in sets.items()}
    limit = threshold(scored[known])
    return Figures(confidence=tuple(figures_of(name, texts, limit) for name, texts in scored.items()))


async def _scored(service: Service, clips: Sequence[Clip]) -> list[Scored]:
    texts = []
    for source, group in by_language(clips).items():
        targets = tuple(language for language in group[0].texts if language != source)
        settings = settings_for(source, targets, tokens=True)
        heard = await translate_all(service, [(clip.samples, settings) for clip in group])
        for clip, each in zip(group, heard, strict=True):
            for target in targets:
                text, tokens = each.translations.get(target, ""), each.log_probabilities.get(target)
                score = float(np.mean(tokens)) if text and tokens else None
                texts.append(Scored(score, text == clip.texts[target]))
    return texts


def threshold(texts: Iterable[Scored]) -> float:
    """The score below which a text is flagged: ``FALSE_ALARMS`` of the right ones are. Raises ValueError
    where no text is right.
    """
    right = [text.score for text in texts if text.right and text.score is not None]
    if not right:
        raise ValueError("no text is right: there is no threshold")
    return float(np.quantile(right, FALSE_ALARMS))


def figures_of(name: str, texts: Sequence[Scored], limit: float) -> ConfidenceFigures:
    """In per cent; ``area`` and ``flagged`` are None where nothing is right, or wrong."""
    right = [text.score for text in texts if text.right and text.score is not None]
    wrong = [text.score for text in texts if not text.right and text.score is not None]
    flagged = sum(score < limit for score in wrong)
    return ConfidenceFigures(
        name,
        area=100.0 * area_under_curve(right, wrong) if right and wrong else None,
        flagged=100.0 * flagged / len(wrong) if wrong else None,
        told=100.0 * (1 - (len(wrong) - flagged) / len(texts)),
        wrong=len(wrong),
        count=len(texts),
    )


def area_under_curve(right: Sequence[float], wrong: Sequence[float]) -> float:
    """How often a right text scores above a wrong one, both drawn at random; equal scores count a half."""
    ordered = np.sort(np.asarray(wrong))
    below = np.searchsorted(ordered, right, "left")
    not_above = np.searchsorted(ordered, right, "right")
    return float(np.mean(below + not_above) / 2 / len(wrong))
