"""Whether the confidence of a text tells if it is right.

The clips are translated with a transcript beside the translations, which the confidence then uses. An empty
text has no confidence: it says itself that there is nothing, and needs no flag.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.quality.clip import Clip, by_language
from benchmarks.quality.figures import ConfidenceFigures, Figures, ReliabilityFigures
from benchmarks.quality.pipeline import settings_for, translate_all
from translate_svc.service import Service

FALSE_ALARMS = 0.05
"""Share of right texts that the threshold of the bar flags."""

_BINS = 5


@dataclass(frozen=True, slots=True)
class Scored:
    """One translation.

    Attributes:
        confidence: None where the text is empty.
        mean: mean natural log-probability of its tokens; None where it is empty.
        right: whether it is the reference to the letter.
        flagged: whether the service warned of it.
    """

    confidence: float | None
    mean: float | None
    right: bool
    flagged: bool = False


async def measure_confidence(
    service: Service, sets: Mapping[str, Sequence[Clip]], known: str, groups: Mapping[str, Sequence[str]]
) -> Figures:
    """Over all translations of each set. The threshold of the bar comes from the right texts of the set
    ``known``. What was said is compared with what came true for each of the ``groups`` of sets.
    """
    scored = {name: await _scored(service, clips) for name, clips in sets.items()}
    limit = threshold(scored[known])
    return Figures(
        confidence=tuple(figures_of(name, texts, limit) for name, texts in scored.items()),
        reliability=tuple(
            row
            for group, names in groups.items()
            for row in reliability_of(group, [text for name in names for text in scored[name]])
        ),
    )


async def _scored(service: Service, clips: Sequence[Clip]) -> list[Scored]:
    texts = []
    for source, group in by_language(clips).items():
        targets = tuple(language for language in group[0].texts if language != source)
        settings = settings_for(source, targets, transcript=True, tokens=True)
        heard = await translate_all(service, [(clip.samples, settings) for clip in group])
        for clip, each in zip(group, heard, strict=True):
            for target in targets:
                text, tokens = each.translations.get(target, ""), each.log_probabilities.get(target)
                mean = float(np.mean(tokens)) if text and tokens else None
                confidence = each.confidences.get(target) if text else None
                right = text == clip.texts[target]
                texts.append(Scored(confidence, mean, right, target in each.flagged))
    return texts


def threshold(texts: Iterable[Scored]) -> float:
    """The confidence below which ``FALSE_ALARMS`` of the right texts lie. Raises ValueError where no text is
    right.
    """
    right = [text.confidence for text in texts if text.right and text.confidence is not None]
    if not right:
        raise ValueError("no text is right: there is no threshold")
    return float(np.quantile(right, FALSE_ALARMS))


def figures_of(name: str, texts: Sequence[Scored], limit: float) -> ConfidenceFigures:
    """In per cent; a figure that needs right or wrong texts is None where there are none."""
    said = [text for text in texts if text.confidence is not None]
    right, wrong = ([text for text in said if text.right is value] for value in (True, False))
    return ConfidenceFigures(
        name,
        area=_area([_confidence(each) for each in right], [_confidence(each) for each in wrong]),
        mean_area=_area([_mean(each) for each in right], [_mean(each) for each in wrong]),
        flagged=_share(_confidence(each) < limit for each in wrong),
        warned=_share(each.flagged for each in wrong),
        false_alarms=_share(each.flagged for each in right),
        told=100.0 * (1 - sum(not each.flagged for each in wrong) / len(texts)),
        said=100.0 * float(np.mean([_confidence(each) for each in said])) if said else None,
        right=_share(each.right for each in said),
        wrong=len(wrong),
        count=len(texts),
    )


def reliability_of(sets: str, texts: Iterable[Scored]) -> tuple[ReliabilityFigures, ...]:
    """The stated confidence and the share of right texts, in per cent, in steps of a fifth."""
    said = [text for text in texts if text.confidence is not None]
    rows = []
    for number in range(_BINS):
        inside = [each for each in said if min(_BINS - 1, int(_confidence(each) * _BINS)) == number]
        if inside:
            mean = 100.0 * float(np.mean([_confidence(each) for each in inside]))
            right = 100.0 * float(np.mean([each.right for each in inside]))
            rows.append(ReliabilityFigures(sets, 100.0 * number / _BINS, mean, right, len(inside)))
    return tuple(rows)


def area_under_curve(right: Sequence[float], wrong: Sequence[float]) -> float:
    """How often a right text scores above a wrong one, both drawn at random; equal scores count a half."""
    ordered = np.sort(np.asarray(wrong))
    below = np.searchsorted(ordered, right, "left")
    not_above = np.searchsorted(ordered, right, "right")
    return float(np.mean(below + not_above) / 2 / len(ordered))


def _area(right: Sequence[float], wrong: Sequence[float]) -> float | None:
    return 100.0 * area_under_curve(right, wrong) if right and wrong else None


def _share(flags: Iterable[bool]) -> float | None:
    values = list(flags)
    return 100.0 * sum(values) / len(values) if values else None


def _confidence(text: Scored) -> float:
    assert text.confidence is not None, "an empty text has none"
    return text.confidence


def _mean(text: Scored) -> float:
    assert text.mean is not None, "an empty text has none"
    return text.mean
