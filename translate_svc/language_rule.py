"""From pooled states of a speech encoder to the language that was heard, and how sure that is. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LanguageDetection:
    """The languages that a model can tell by their sound, and where that comes from.

    ``learnt_from`` and ``figures``: what it was learnt from and what was measured, for people to read.
    """

    languages: tuple[str, ...] = ()
    learnt_from: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)


NO_DETECTION = LanguageDetection()
"""Of a model that cannot tell which language is spoken."""


@dataclass(frozen=True, slots=True, eq=False)
class LanguageRule:
    """A multinomial logistic regression over pooled states, by which a language is told from the others.

    Attributes:
        detection: the languages, in the order of the rows, and where the rule comes from.
        weights: ``[languages + 1, features]``; the last row is of any other language.
        intercepts: ``[languages + 1]``.
        temperature: ``intercept`` and ``slope`` of its logarithm over that of the number of states. Scores
            are divided by it, so that they are calibrated after any length.
    """

    detection: LanguageDetection
    weights: Numbers
    intercepts: Numbers
    temperature: tuple[float, float] = (0.0, 0.0)

    def log_probabilities(self, pooled: npt.NDArray[np.floating], states: int) -> tuple[float, ...]:
        """Of each language and, last, of any other one: natural logarithms, all being as likely before.

        Args:
            pooled: ``[features]``.
            states: number of encoder states that were pooled, at least one.
        """
        intercept, slope = self.temperature
        scores = self.weights @ pooled.astype(np.float64) + self.intercepts
        scores /= math.exp(intercept + slope * math.log(states))
        scores -= scores.max()
        return tuple((scores - math.log(np.exp(scores).sum())).tolist())
