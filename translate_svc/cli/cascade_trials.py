"""Finds out whether a checkpoint is better when it reads what it heard: ``cascade.json``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from translate_svc.cli.labelled_clips import LabelledClip, spoken_languages
from translate_svc.cli.length_trials import words_found
from translate_svc.config import Settings
from translate_svc.models.checkpoint.cascade_options import MAX_TRANSCRIPT_RETRIES, CascadeOptions
from translate_svc.service import Service

TRIALS = (CascadeOptions(), CascadeOptions(0.3), CascadeOptions(0.3, MAX_TRANSCRIPT_RETRIES))
"""From the cheapest to the dearest. With weights from 0.15 to 0.4 the starter translates alike."""
_WORTH_POINTS = 0.3
"""What each one has to bring, in percent of the words: some texts are decoded twice, some speech is encoded
three times.
"""


def with_cascade(settings: Settings, cascade: CascadeOptions) -> Settings:
    """The settings of a service with these options."""
    return replace(settings, cascade_weight=cascade.weight, transcript_retries=cascade.retries)


async def measure_words(
    service: Service, clips: Sequence[LabelledClip], report: Callable[[], None] = lambda: None
) -> float:
    """The share of words that come back, in percent, with the options of ``service``: of all clips that were
    translated, also those that a model is not made for. It is unsure of them most.

    Raises:
        ValueError: no clip can be used.
    """
    spoken = spoken_languages(service)
    usable = [each for each in clips if each.language in spoken and len(each.texts) > 1]
    heard = [(each, each.samples) for each in usable if all(each.texts.values())]
    if not heard:
        raise ValueError("no clip has translations")
    share = await words_found(service, heard)
    report()
    return share


def said_of_cascade(cascade: CascadeOptions) -> str:
    """What was found, for people."""
    found = ", ".join(f"{name}: {share} %" for name, share in cascade.figures.items())
    made = f"with the weight {cascade.weight:g}" if cascade.weight else "not made"
    again = f"{cascade.retries} times" if cascade.retries else "never"
    return (
        f"Translations of the transcript are {made}. Unsure transcripts are made again {again}. "
        f"Words that come back: {found}."
    )


def chosen_cascade(words: Sequence[float]) -> CascadeOptions:
    """What is kept beside the weights. ``words``: as ``measure_words``, for each of ``TRIALS``."""
    figures, best = {}, 0
    for place, (trial, share) in enumerate(zip(TRIALS, words, strict=True)):
        figures[f"weight_{trial.weight:g}_retries_{trial.retries}"] = round(share, 1)
        if share >= words[best] + _WORTH_POINTS:
            best = place
    return CascadeOptions(TRIALS[best].weight, TRIALS[best].retries, figures)
