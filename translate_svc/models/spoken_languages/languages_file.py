"""``languages.json`` beside the weights: how to tell the spoken language by the encoder's states.

``translate-svc calibrate --languages`` writes it. It is valid only for the weights that it was computed for,
and holds their hash. Free of torch.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from translate_svc.errors import CheckpointError
from translate_svc.language_rule import LanguageDetection, LanguageRule
from translate_svc.models.checkpoint.keyed_file import read_parsed, write_keyed

LANGUAGES_FILE = "languages.json"
_VERSION = 1
_DIGITS = 4

_log = logging.getLogger(__name__)


def pooled_features(hidden_size: int) -> int:
    """Number of pooled states of an encoder: a mean and a deviation of each."""
    return 2 * hidden_size


def write_language_rule(folder: Path, rule: LanguageRule) -> None:
    """Writes ``languages.json``, and updates its sum if the manifest names the file."""
    values = {
        "languages": list(rule.detection.languages),
        "learnt_from": rule.detection.learnt_from,
        "temperature": [round(value, _DIGITS) for value in rule.temperature],
        "figures": dict(rule.detection.figures),
        "intercepts": _rounded(rule.intercepts),
        "weights": [_rounded(row) for row in rule.weights],
    }
    write_keyed(folder, LANGUAGES_FILE, _VERSION, values, indent=None)


def _rounded(row: np.ndarray) -> list[float]:
    return [float(f"{value:.{_DIGITS}g}") for value in row]


def read_language_rule(folder: Path, features: int) -> LanguageRule | None:
    """The content of ``languages.json``. None if the file does not exist.

    ``features``: number of pooled states of the checkpoint.

    Raises:
        CheckpointError: the file is damaged, or is for other weights.
    """
    return read_parsed(folder, LANGUAGES_FILE, _VERSION, partial(_parsed, features=features))


def _parsed(values: Mapping[str, Any], features: int) -> LanguageRule:
    languages = tuple(map(str, values["languages"]))
    weights = np.array(values["weights"], np.float64)
    intercepts = np.array(values["intercepts"], np.float64)
    intercept, slope = map(float, values["temperature"])
    figures = {str(name): float(value) for name, value in values["figures"].items()}
    if weights.shape != (len(languages) + 1, features) or intercepts.shape != (len(languages) + 1,):
        raise ValueError("does not fit the checkpoint")
    if not (np.isfinite(weights).all() and np.isfinite(intercepts).all() and languages):
        raise ValueError("must be finite numbers")
    detection = LanguageDetection(languages, str(values["learnt_from"]), figures)
    return LanguageRule(detection, weights, intercepts, (intercept, slope))


def language_rule_of(folder: Path, features: int) -> LanguageRule | None:
    """The content of ``languages.json``. None, with a warning, if it cannot be used."""
    try:
        return read_language_rule(folder, features)
    except CheckpointError as error:
        _log.warning(
            "the spoken language is not found out: %s; to learn it: translate-svc calibrate --model %s "
            "--languages voices",
            error,
            folder.name,
        )
        return None
