"""From the log-probabilities of a text's tokens to the probability that the text is right. Free of torch."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

LEAST_TOKENS = 3
"""How many of the least probable tokens count beside the mean. One misheard word is one to three tokens."""

FEATURES_OF_A_TEXT = 3
FEATURES_OF_AN_AGREEMENT = 4
FEATURES_OF_A_SOURCE = 2
_MIN_SURPRISE = 1e-3
"""A lower surprise counts as this one: its logarithm would say more than float32 does."""


_SURE = math.log(0.7)


def is_sure(log_probabilities: Sequence[float]) -> bool:
    """Whether a text is taken as it is: all of its tokens have a probability of 0.7. Not of an empty text.

    Without this limit four times as many are looked at again, and no more of them are right.
    """
    return min(log_probabilities) >= _SURE


def text_features(log_probabilities: Sequence[float]) -> tuple[float, float, float]:
    """What a rule knows of one text: the logarithms of the mean surprise of its tokens, of the mean surprise
    of its ``LEAST_TOKENS`` least probable tokens, and of the number of tokens.

    Args:
        log_probabilities: natural, one for each token of the text, in any order. The surprise of a token is
            its negative.

    Raises:
        ValueError: there are none.
    """
    if not log_probabilities:
        raise ValueError("an empty text has no confidence")
    least = sorted(log_probabilities)[:LEAST_TOKENS]
    return _log_surprise(log_probabilities), _log_surprise(least), math.log(len(log_probabilities))


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well a translation and the transcript of the same speech agree, by the model as it reads.

    ``translation``: natural log-probabilities of the translation's tokens and of its end, given the
    transcript. ``transcript``: those of the transcript, given the translation; of a text that was typed, the
    text takes its place. Empty: not known.
    """

    translation: tuple[float, ...] = ()
    transcript: tuple[float, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether both are known."""
        return bool(self.translation and self.transcript)

    def features(self) -> tuple[float, ...]:
        """What a rule knows of it: of each the first two of ``text_features``.

        Raises:
            ValueError: it is not known.
        """
        return (*text_features(self.translation)[:2], *text_features(self.transcript)[:2])


UNKNOWN_AGREEMENT = Agreement()


def source_features(text: Sequence[float], source: Sequence[float]) -> tuple[float, ...]:
    """What a rule knows of a translation of a typed text: ``text_features`` of its tokens, and the first two
    of the source text's, given the translation.

    Raises:
        ValueError: one of them is empty.
    """
    return (*text_features(text), *text_features(source)[:FEATURES_OF_A_SOURCE])


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic regression: ``1 / (1 + exp(-(intercept + weights * features)))``."""

    intercept: float
    weights: tuple[float, ...]

    def probability(self, features: Sequence[float]) -> float:
        """Within 0 and 1. Needs as many features as there are weights."""
        terms = (weight * value for weight, value in zip(self.weights, features, strict=True))
        return _sigmoid(self.intercept + math.fsum(terms))


@dataclass(frozen=True, slots=True)
class Threshold:
    """The confidence below which a text is flagged. It depends on the text's length: a long text is seldom
    right to the last word, so one threshold for all would flag most long texts.

    ``intercept`` and ``slope``: its log-odds are ``intercept + slope * log(tokens)``.
    """

    intercept: float
    slope: float

    def at(self, tokens: int) -> float:
        """The threshold for a text of ``tokens`` tokens, at least one."""
        return _sigmoid(self.intercept + self.slope * math.log(tokens))


@dataclass(frozen=True, slots=True)
class ConfidenceRule:
    """The result of a calibration.

    Attributes:
        alone: for a text by its own tokens. None: not calibrated; then the confidence is the geometric mean
            of the tokens' probabilities, which compares texts of one checkpoint and promises nothing.
        with_transcript: for a translation by its tokens and those of the transcript of the same speech.
        threshold: a text with a lower confidence is flagged. None: no text is.
        figures: the measured figures, for people to read.
        with_agreement: as ``with_transcript``, and by their ``Agreement``.
        with_source: for a translation of a typed text, by its tokens and by those of the text, given the
            translation: what the translation leaves out or invents is improbable there.
        source_threshold: as ``threshold``, for confidences by ``with_source``.
    """

    alone: Logistic | None = None
    with_transcript: Logistic | None = None
    threshold: Threshold | None = None
    figures: Mapping[str, float] = field(default_factory=dict)
    with_agreement: Logistic | None = None
    with_source: Logistic | None = None
    source_threshold: Threshold | None = None

    @property
    def calibrated(self) -> bool:
        """Whether the confidence is a probability."""
        return self.alone is not None

    def confidence(
        self,
        text: Sequence[float],
        transcript: Sequence[float] = (),
        agreement: Agreement = UNKNOWN_AGREEMENT,
    ) -> float:
        """The confidence in a text, 0 to 1.

        Args:
            text: natural log-probabilities of its tokens.
            transcript: those of the transcript, for a translation of the same speech. Empty: there is none.
            agreement: of the two.

        Raises:
            ValueError: ``text`` is empty.
        """
        own = text_features(text)
        if self.with_source is not None and self.by_source(transcript, agreement):
            return self.with_source.probability(source_features(text, agreement.transcript))
        if self.with_agreement is not None and transcript and agreement.is_known:
            features = (*own, *text_features(transcript), *agreement.features())
            return self.with_agreement.probability(features)
        if self.with_transcript is not None and transcript:
            return self.with_transcript.probability(tuple(chain(own, text_features(transcript))))
        if self.alone is not None:
            return self.alone.probability(own)
        return math.exp(min(0.0, math.fsum(text) / len(text)))

    def by_source(self, transcript: Sequence[float], agreement: Agreement) -> bool:
        """Whether the confidence in a translation comes from ``with_source``: of a typed text alone."""
        return self.with_source is not None and not transcript and bool(agreement.transcript)

    def flags(self, confidence: float, tokens: int, *, by_source: bool = False) -> bool:
        """Whether a text of this confidence and this many tokens is flagged."""
        threshold = self.source_threshold if by_source else self.threshold
        return threshold is not None and confidence < threshold.at(tokens)


UNCALIBRATED = ConfidenceRule()
"""For a checkpoint that was not calibrated."""


def _sigmoid(log_odds: float) -> float:
    return 0.5 * (1 + math.tanh(0.5 * log_odds))


def _log_surprise(log_probabilities: Sequence[float]) -> float:
    return math.log(max(-math.fsum(log_probabilities) / len(log_probabilities), _MIN_SURPRISE))
