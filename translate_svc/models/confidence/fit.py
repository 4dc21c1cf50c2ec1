"""Fits a ``ConfidenceRule`` to texts of which it is known whether they are right. Free of torch.

Logistic regressions with a small penalty (ridge): one for every text by its own tokens, one for those
translations that have a transcript beside them, and one for those that were compared with it. The figures and
the threshold come from cross-validation over clips: each clip is judged by regressions that were fitted
without it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from translate_svc.confidence import (
    UNKNOWN_AGREEMENT,
    Agreement,
    ConfidenceRule,
    Logistic,
    Threshold,
    source_features,
    text_features,
)
from translate_svc.models.alignment.calibration import area_under_curve

FALSE_ALARMS = 0.05
"""Share of right texts below the threshold, among those that the model is made for, at any length."""

LEAST_OF_EACH = 20
"""Right texts, and wrong ones, that a calibration needs."""

_FOLDS = 5
_RIDGE = 1.0
_NEWTON_STEPS = 50
_CONVERGED = 1e-8
_LEAST_DEVIATION = 1e-6
_LEAST_ODDS = 1e-6
_SLOPES = np.linspace(-4.0, 0.0, 81)
"""Candidates for the slope of the threshold. A longer text is never less likely to have an error."""

_Numbers = npt.NDArray[np.float64]
_Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text that is not empty.

    Attributes:
        clip: number of the clip that it was heard in.
        log_probabilities: natural, of its tokens.
        transcript: those of the clip's transcript. Empty where the text is the transcript itself.
        right: whether the text is right.
        in_domain: whether the clip is what the model is made for. The threshold is set by such clips alone.
        agreement: of a translation with the transcript.
    """

    clip: int
    log_probabilities: tuple[float, ...]
    transcript: tuple[float, ...]
    right: bool
    in_domain: bool = True
    agreement: Agreement = UNKNOWN_AGREEMENT


def fit_rule(texts: Sequence[LabelledText]) -> ConfidenceRule:
    """The rule for the checkpoint that wrote ``texts``.

    Raises:
        ValueError: fewer than ``LEAST_OF_EACH`` texts are right, or wrong, or none in the domain is right.
    """
    right = sum(text.right for text in texts)
    if min(right, len(texts) - right) < LEAST_OF_EACH:
        raise ValueError(
            f"{right} of {len(texts)} texts are right: {LEAST_OF_EACH} right and wrong ones are needed"
        )
    fitted, held_out, judged = {}, [], []
    for name, features_of in _KINDS.items():
        known = [(text, features_of(text)) for text in texts]
        group = [text for text, row in known if row]
        if _has_both(group):
            features = np.array([row for _, row in known if row], np.float64)
            fitted[name] = _fit(features, _right(group))
            held_out.append(_held_out(features, group))
            judged.append(group)
    threshold = _threshold(held_out, judged)
    figures = {"texts": float(len(texts)), "right": float(right)}
    for name, values, group in zip(fitted, held_out, judged, strict=True):
        figures |= {f"{key}_{name}": value for key, value in _figures(values, group, threshold).items()}
    return ConfidenceRule(
        fitted["alone"], fitted.get("with_transcript"), threshold, figures, fitted.get("with_agreement")
    )


def fit_typed(rule: ConfidenceRule, texts: Sequence[LabelledText]) -> ConfidenceRule:
    """``rule`` with one for translations of typed texts. Of each the ``agreement`` has ``transcript``: the
    log-probabilities of the typed text, given the translation.

    Raises:
        ValueError: as ``fit_rule``.
    """
    right = sum(text.right for text in texts)
    if not _has_both(texts):
        raise ValueError(
            f"{right} of {len(texts)} typed texts are right: {LEAST_OF_EACH} right and wrong ones are needed"
        )
    rows = [source_features(text.log_probabilities, text.agreement.transcript) for text in texts]
    features = np.array(rows, np.float64)
    held_out = _held_out(features, texts)
    threshold = _threshold([held_out], [texts])
    found = _figures(held_out, texts, threshold)
    figures = {"texts_typed": float(len(texts)), "right_typed": float(right)}
    figures |= {f"{key}_with_source": value for key, value in found.items()}
    return replace(
        rule,
        figures={**rule.figures, **figures},
        with_source=_fit(features, _right(texts)),
        source_threshold=threshold,
    )


def _alone(text: LabelledText) -> tuple[float, ...]:
    return text_features(text.log_probabilities)


def _with_transcript(text: LabelledText) -> tuple[float, ...]:
    """Empty without a transcript."""
    return (*_alone(text), *text_features(text.transcript)) if text.transcript else ()


def _with_agreement(text: LabelledText) -> tuple[float, ...]:
    """Empty where it is not known."""
    beside = _with_transcript(text)
    return (*beside, *text.agreement.features()) if beside and text.agreement.is_known else ()


_KINDS = {"alone": _alone, "with_transcript": _with_transcript, "with_agreement": _with_agreement}


def _right(texts: Sequence[LabelledText]) -> _Flags:
    return np.array([text.right for text in texts], np.bool_)


def _has_both(texts: Sequence[LabelledText]) -> bool:
    right = sum(text.right for text in texts)
    return min(right, len(texts) - right) >= LEAST_OF_EACH


def _fit(features: _Numbers, right: _Flags) -> Logistic:
    """By Newton's method on normalised features; the intercept is not penalised."""
    mean, deviation = features.mean(axis=0), np.maximum(features.std(axis=0), _LEAST_DEVIATION)
    design = np.column_stack([np.ones(len(features)), (features - mean) / deviation])
    penalty = np.diag([0.0, *[_RIDGE] * features.shape[1]])
    weights = np.zeros(design.shape[1])
    for _ in range(_NEWTON_STEPS):
        probability = 0.5 * (1 + np.tanh(0.5 * design @ weights))
        gradient = design.T @ (probability - right) + penalty @ weights
        curvature = (design.T * (probability * (1 - probability))) @ design + penalty
        change = np.linalg.solve(curvature + _CONVERGED * np.eye(len(weights)), gradient)
        weights -= change
        if float(np.abs(change).max()) < _CONVERGED:
            break
    own = weights[1:] / deviation
    return Logistic(float(weights[0] - own @ mean), tuple(own.tolist()))


def _held_out(features: _Numbers, texts: Sequence[LabelledText]) -> _Numbers:
    """The confidence in each text by a regression that was fitted without its clip."""
    right = _right(texts)
    folds = np.array([text.clip % _FOLDS for text in texts])
    found = np.zeros(len(texts))
    for fold in np.unique(folds):
        inside = folds == fold
        fitted = _fit(features[~inside], right[~inside])
        found[inside] = [fitted.probability(row) for row in features[inside].tolist()]
    return found


def _threshold(held_out: Sequence[_Numbers], groups: Sequence[Sequence[LabelledText]]) -> Threshold:
    """By quantile regression (Koenker and Bassett, 1978) of the right texts' log-odds on the logarithm of
    their number of tokens.
    """
    known = [
        (confidence, len(text.log_probabilities))
        for values, texts in zip(held_out, groups, strict=True)
        for confidence, text in zip(values.tolist(), texts, strict=True)
        if text.right and text.in_domain
    ]
    if not known:
        raise ValueError("no text of a clip in the domain is right")
    confidences, tokens = np.array(known, np.float64).T
    confidences = np.clip(confidences, _LEAST_ODDS, 1 - _LEAST_ODDS)
    log_odds, lengths = np.log(confidences / (1 - confidences)), np.log(tokens)
    candidates = [
        Threshold(float(np.quantile(log_odds - slope * lengths, FALSE_ALARMS)), float(slope))
        for slope in _SLOPES
    ]

    def loss(candidate: Threshold) -> float:
        above = log_odds - candidate.intercept - candidate.slope * lengths
        return float(np.sum(np.maximum(FALSE_ALARMS * above, (FALSE_ALARMS - 1) * above)))

    return min(candidates, key=loss)


def _figures(values: _Numbers, texts: Sequence[LabelledText], threshold: Threshold) -> dict[str, float]:
    """Area under the curve, Brier score, and the shares of wrong and of right texts that are flagged."""
    right = _right(texts)
    limits = np.array([threshold.at(len(text.log_probabilities)) for text in texts])
    flagged = values < limits
    found = {
        "area": area_under_curve(values, right),
        "brier": float(np.mean((values - right) ** 2)),
        "wrong_flagged": float(np.mean(flagged[~right])),
        "right_flagged": float(np.mean(flagged[right])),
    }
    return {name: round(value, 4) for name, value in found.items()}
