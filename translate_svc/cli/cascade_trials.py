"""Finds out whether translations through the transcript make a checkpoint better."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from translate_svc.cli.labelled_clips import LabelledClip
from translate_svc.cli.length_trials import usable_clips, words_found
from translate_svc.models.checkpoint.cascade_weight import CascadeWeight
from translate_svc.service import Service

WEIGHTS = (0.0, 0.3)
"""From 0.15 to 0.4 the starter translates alike."""
_WORTH_POINTS = 0.5
"""What it has to bring, in percent of the words: the transcript is decoded for it, and some texts twice."""


async def measure_words(
    service: Service, clips: Sequence[LabelledClip], report: Callable[[], None] = lambda: None
) -> float:
    """The share of words that come back, in percent, with the weight of ``service``.

    Raises:
        ValueError: no clip can be used.
    """
    share = await words_found(service, [(clip, clip.samples) for clip in usable_clips(service, clips)])
    report()
    return share


def said_of_cascade(cascade: CascadeWeight) -> str:
    """What was found, for people."""
    found = ", ".join(f"{name.removeprefix('words_')}: {share} %" for name, share in cascade.figures.items())
    made = f"with the weight {cascade.weight:g}" if cascade.weight else "not made"
    return f"Translations of the transcript are {made}. Words that come back, by weight: {found}."


def chosen_weight(words: Sequence[float]) -> CascadeWeight:
    """What is kept beside the weights. ``words``: as ``measure_words``, for each of ``WEIGHTS``."""
    figures = {f"words_{weight:g}": round(share, 1) for weight, share in zip(WEIGHTS, words, strict=True)}
    best = max(range(len(words)), key=words.__getitem__)
    return CascadeWeight(WEIGHTS[best] if words[best] >= words[0] + _WORTH_POINTS else 0.0, figures)
