"""Finds the heads that follow the source, and how much of a buffer's end not to trust, without labels.

Clips are translated whole, and again from beginnings that grow by a step, as hypotheses do. A token of such a
hypothesis survives if the whole translation has the same text up to it. Tokens after the first one that does
not survive are left out, because they continue from an error. A head follows the source if the distance of a
token's frame from the end of the buffer predicts whether the token survives. Heads are ranked by the area
under that (ROC) curve. The candidates are the best few heads, and the best of each layer. The calibration
takes those with which most of what survives can be committed. An error of a commit policy counts once per
clip and token position, even if several hypotheses repeat it.

Then it finds how probable a token must be to survive as often without agreement as others do with it, and
below which probability a token from near the end seldom survives. Words are judged by the product of their
tokens, so a word of several tokens needs more.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from translate_svc.models.alignment.alignment_file import (
    SAFE_ALIGNMENT,
    SURE_FRAMES,
    UNSURE_FRAMES,
    Alignment,
    AttentionRow,
    PolicyName,
)
from translate_svc.models.alignment.beginnings import Beginning, Heads

SURVIVAL = 0.985
"""Share of the committed tokens that must survive. Some never do, however long the wait: a translation of
more speech uses other words. On held-out monologues the starter, after its third sitting of training, had
84 BLEU with the cutoff that the calibration finds for 98 %, 90 with that for 98.5 %, and 86 if it waited
longer.
"""
MAX_HEADS = 8
MAX_CUTOFF_FRAMES = 12
LEAST_AUC = 0.6
"""Smallest area under the curve of a head that follows the source. 0.5 is chance."""

PROBABILITIES = (0.5, 0.7, 0.85, 0.95)
"""The candidates; the clips have too few errors to tell closer ones apart."""
UNSURE_SURVIVAL = 0.8
"""Largest share of the tokens of an unsure probability that survives."""
_LEAST_SURE_TOKENS, _LEAST_UNSURE_TOKENS = 200, 10
"""With fewer tokens a probability is not judged."""

_NONE = np.zeros(0, np.bool_)


@dataclass(frozen=True, slots=True)
class _Choice:
    """A rule, with the share of committed tokens that survive, and the share of surviving tokens that it
    commits in each hypothesis.
    """

    heads: Heads
    cutoff_frames: int
    survival: float
    committed: float


def calibrate(
    translations: Sequence[Sequence[Beginning]], report: Callable[[], None] = lambda: None
) -> Alignment:
    """The best row, heads and cutoff. The safe rule if no head follows the source.

    Args:
        translations: the beginnings of each clip, in one language.
        report: called after the heads are ranked, and after they are chosen.

    Raises:
        ValueError: no token survives, or all do. Then the heads cannot be compared.
    """
    beginnings = [each for translation in translations for each in translation]
    survives = (
        np.concatenate([each.survives[: each.evaluated] for each in beginnings]) if beginnings else _NONE
    )
    if survives.all() or not survives.any():
        raise ValueError("the clips tell nothing: they need speech, and texts that change as more is heard")
    ranked = {row: _ranked_heads(beginnings, survives, row) for row in AttentionRow}
    report()
    areas = {row: heads[0][0] for row, heads in ranked.items()}
    figures: dict[str, float] = {"drafts": len(beginnings), "tokens": len(survives)}
    figures |= {f"best_head_auc_{row.value}": round(area, 4) for row, area in areas.items()}
    row = max(areas, key=lambda each: areas[each])
    if areas[row] < LEAST_AUC:
        report()
        return dataclasses.replace(SAFE_ALIGNMENT, figures=figures)
    choices = [
        _choice(translations, heads, row, cutoff)
        for heads in _candidates(beginnings, ranked[row])
        for cutoff in range(1, MAX_CUTOFF_FRAMES + 1)
    ]
    best = max(choices, key=_worth)
    report()
    figures |= {"survival": round(best.survival, 4), "committed": round(best.committed, 4)}
    sure, unsure = _sure_and_unsure(beginnings, survives, best, row)
    return Alignment(
        best.heads, best.cutoff_frames, PolicyName.ALIGN_ATT_AGREEMENT, row, sure, unsure, figures
    )


def area_under_curve(
    scores: npt.NDArray[np.int64] | npt.NDArray[np.float64], positive: npt.NDArray[np.bool_]
) -> float:
    """The probability that a positive has a higher score than a negative. Equal scores count half."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives = int(positive.sum())
    pairs = positives * (len(scores) - positives)
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / pairs)


def _ranked_heads(
    beginnings: Sequence[Beginning], survives: npt.NDArray[np.bool_], row: AttentionRow
) -> list[tuple[float, tuple[int, int]]]:
    """Each head with its area under the curve, the best one first."""
    layers, heads = beginnings[0].attention.shape[:2]
    ranked = []
    for pair in [(layer, head) for layer in range(layers) for head in range(heads)]:
        distances = [(each.frames - 1 - each.attended((pair,), row))[: each.evaluated] for each in beginnings]
        ranked.append((area_under_curve(np.concatenate(distances), survives), pair))
    return sorted(ranked, reverse=True)


def _candidates(
    beginnings: Sequence[Beginning], ranked: Sequence[tuple[float, tuple[int, int]]]
) -> list[Heads]:
    """The best head, the two, four and eight best heads, and the eight best heads of each layer."""
    pairs = [pair for _, pair in ranked]
    layers = range(beginnings[0].attention.shape[0])
    by_layer = [tuple(pair for pair in pairs if pair[0] == layer)[:MAX_HEADS] for layer in layers]
    return [*(tuple(pairs[:count]) for count in (1, 2, 4, MAX_HEADS)), *by_layer]


def _choice(
    translations: Sequence[Sequence[Beginning]], heads: Heads, row: AttentionRow, cutoff: int
) -> _Choice:
    """The result of AlignAtt with agreement, for these heads and this cutoff."""
    right = wrong = committed = surviving = 0
    for translation in translations:
        errors: set[int] = set()
        furthest = 0
        for each in translation:
            safe = each.agrees & (each.attended(heads, row) < each.frames - cutoff)
            count = len(safe) if safe.all() else int(safe.argmin())
            last = int(each.survives.sum())
            if count > last:
                errors.add(last)
            furthest = max(furthest, min(count, last))
            committed += min(count, last)
            surviving += last
        right += furthest
        wrong += len(errors)
    survival = right / (right + wrong) if right else 0.0
    return _Choice(heads, cutoff, survival, committed / surviving)


def _sure_and_unsure(
    beginnings: Sequence[Beginning], survives: npt.NDArray[np.bool_], choice: _Choice, row: AttentionRow
) -> tuple[float | None, float | None]:
    """The least probability that needs no agreement, and the largest that is unsure; None without one.

    ``survives``: for each token of ``beginnings`` that is evaluated.
    """
    judged = [(each, slice(each.evaluated)) for each in beginnings]
    from_end = np.concatenate(
        [(each.frames - each.attended(choice.heads, row))[all_] for each, all_ in judged]
    )
    agrees = np.concatenate([each.agrees[all_] for each, all_ in judged])
    probability = np.concatenate([each.probabilities[all_] for each, all_ in judged])
    cutoff = choice.cutoff_frames
    trusted = from_end > cutoff
    behind, near = from_end > cutoff + SURE_FRAMES, trusted & (from_end <= cutoff + UNSURE_FRAMES)
    agreed = survives[agrees & trusted]

    def survival(chosen: npt.NDArray[np.bool_], least: int) -> float:
        """Not a number, which no comparison is true of, with fewer tokens than ``least``."""
        return float(survives[chosen].mean()) if chosen.sum() >= least else math.nan

    sure = [
        each
        for each in PROBABILITIES
        if survival(behind & ~agrees & (probability >= each), _LEAST_SURE_TOKENS) >= agreed.mean()
    ]
    unsure = [
        each
        for each in PROBABILITIES
        if survival(near & agrees & (probability < each), _LEAST_UNSURE_TOKENS) <= UNSURE_SURVIVAL
    ]
    return min(sure, default=None), max(unsure, default=None)


def _worth(choice: _Choice) -> tuple[bool, float]:
    """Compares by the share that is committed if enough of it survives, else by the share that survives."""
    enough = choice.survival >= SURVIVAL
    return enough, choice.committed if enough else choice.survival
