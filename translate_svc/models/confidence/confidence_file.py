"""``confidence.json`` beside the weights: how sure the model is of a text, and when that is too little.

``translate-svc calibrate`` writes it. It is valid only for the weights that it was computed for, and holds
their hash. A checkpoint without a valid file gets confidences that are not calibrated, and no text is
flagged. Free of torch.
"""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any

from translate_svc.confidence import (
    FEATURES_OF_A_SOURCE,
    FEATURES_OF_A_TEXT,
    FEATURES_OF_AN_AGREEMENT,
    UNCALIBRATED,
    ConfidenceRule,
    Logistic,
    Threshold,
)
from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.keyed_file import (
    NOT_CALIBRATED,
    calibration_advice,
    read_parsed,
    write_keyed,
)

CONFIDENCE_FILE = "confidence.json"
_VERSION = 1
_ALONE, _WITH_TRANSCRIPT, _WITH_AGREEMENT = "alone", "with_transcript", "with_agreement"
_WITH_SOURCE, _SOURCE_THRESHOLD = "with_source", "source_threshold"

_log = logging.getLogger(__name__)


def write_confidence(folder: Path, rule: ConfidenceRule) -> None:
    """Writes ``confidence.json``, and updates its sum if the manifest names the file.

    Raises:
        ValueError: the rule is not calibrated.
    """
    if rule.alone is None or rule.threshold is None:
        raise ValueError("only a calibrated rule is kept")
    values: dict[str, Any] = {_ALONE: _plain(rule.alone), "threshold": _plain_threshold(rule.threshold)}
    if rule.with_transcript is not None:
        values[_WITH_TRANSCRIPT] = _plain(rule.with_transcript)
    if rule.with_agreement is not None:
        values[_WITH_AGREEMENT] = _plain(rule.with_agreement)
    if rule.with_source is not None and rule.source_threshold is not None:
        values[_WITH_SOURCE] = _plain(rule.with_source)
        values[_SOURCE_THRESHOLD] = _plain_threshold(rule.source_threshold)
    write_keyed(folder, CONFIDENCE_FILE, _VERSION, values | {"figures": dict(rule.figures)})


def read_confidence(folder: Path) -> ConfidenceRule | None:
    """The content of ``confidence.json``. None if the file does not exist.

    Raises:
        CheckpointError: the file is damaged, or is for other weights.
    """
    return read_parsed(folder, CONFIDENCE_FILE, _VERSION, _parsed)


def confidence_of(folder: Path, *, can_calibrate: bool = True) -> ConfidenceRule:
    """The content of ``confidence.json``. If it cannot be used: the uncalibrated rule, and a warning.

    ``can_calibrate``: whether ``calibrate`` makes the file for such a model.
    """
    try:
        rule = read_confidence(folder)
        problem = f"{folder.name} has no {CONFIDENCE_FILE}"
    except CheckpointError as error:
        rule, problem = None, str(error)
    if rule is None:
        _log.warning(
            "no text is flagged as unsure, and confidences are not calibrated: %s; %s",
            problem,
            calibration_advice("to compute one", folder) if can_calibrate else NOT_CALIBRATED,
        )
        return UNCALIBRATED
    return rule


def _plain(logistic: Logistic) -> dict[str, Any]:
    return {"intercept": logistic.intercept, "weights": list(logistic.weights)}


def _parsed(values: dict[str, Any]) -> ConfidenceRule:
    """Raises ValueError, KeyError, TypeError or AttributeError if the values are not valid."""
    with_transcript = with_agreement = None
    if _WITH_TRANSCRIPT in values:
        with_transcript = _logistic(values[_WITH_TRANSCRIPT], 2 * FEATURES_OF_A_TEXT)
    if _WITH_AGREEMENT in values:
        features = 2 * FEATURES_OF_A_TEXT + FEATURES_OF_AN_AGREEMENT
        with_agreement = _logistic(values[_WITH_AGREEMENT], features)
    with_source = source_threshold = None
    if _WITH_SOURCE in values:
        with_source = _logistic(values[_WITH_SOURCE], FEATURES_OF_A_TEXT + FEATURES_OF_A_SOURCE)
        source_threshold = _threshold(values[_SOURCE_THRESHOLD])
    threshold = _threshold(values["threshold"])
    figures = {str(name): float(value) for name, value in values["figures"].items()}
    alone = _logistic(values[_ALONE], FEATURES_OF_A_TEXT)
    return ConfidenceRule(
        alone, with_transcript, threshold, figures, with_agreement, with_source, source_threshold
    )


def _plain_threshold(threshold: Threshold) -> dict[str, Any]:
    return {"intercept": threshold.intercept, "slope": threshold.slope}


def _threshold(values: dict[str, Any]) -> Threshold:
    return Threshold(_number(values["intercept"]), _number(values["slope"]))


def _logistic(values: dict[str, Any], features: int) -> Logistic:
    weights = tuple(_number(weight) for weight in values["weights"])
    if len(weights) != features:
        raise ValueError(f"needs {features} weights")
    return Logistic(_number(values["intercept"]), weights)


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError("must be a finite number")
    return float(value)
