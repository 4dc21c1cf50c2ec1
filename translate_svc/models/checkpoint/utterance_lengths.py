"""``utterances.json`` beside the weights: how long the utterances are that a checkpoint handles well.

``translate-svc calibrate`` writes it. It is valid only for the weights that it was computed for, and holds
their hash. Free of torch.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.keyed_file import (
    NOT_CALIBRATED,
    calibration_advice,
    read_parsed,
    write_keyed,
)
from translate_svc.models.limits import MAX_TAIL_PADDING_MS

UTTERANCES_FILE = "utterances.json"
_VERSION = 1
_BOUNDS = {"good_ms": (500, 30_000), "max_ms": (2_500, 30_000), "tail_padding_ms": (0, MAX_TAIL_PADDING_MS)}

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class UtteranceLengths:
    """The result of a calibration.

    Attributes:
        good_ms: the length into which recordings are cut; 500 to 30000 ms.
        max_ms: the maximum of a live stream that names none; 2500 to 30000 ms.
        tail_padding_ms: background that the model needs after the last word to know that it was the last; 0
            to 1000 ms.
        figures: the measured figures, for people to read.
    """

    good_ms: int = 10_000
    max_ms: int = 15_000
    tail_padding_ms: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, (low, high) in _BOUNDS.items():
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be within [{low}, {high}]")


UNMEASURED_LENGTHS = UtteranceLengths()
"""For a checkpoint that was not calibrated: as models are made that learnt from sentences of up to 30 s."""


def write_lengths(folder: Path, lengths: UtteranceLengths) -> None:
    """Writes ``utterances.json``, and updates its sum if the manifest names the file."""
    values = {name: getattr(lengths, name) for name in _BOUNDS}
    write_keyed(folder, UTTERANCES_FILE, _VERSION, values | {"figures": dict(lengths.figures)})


def read_lengths(folder: Path) -> UtteranceLengths | None:
    """The content of ``utterances.json``. None if the file does not exist.

    Raises:
        CheckpointError: the file is damaged, or is for other weights.
    """
    return read_parsed(folder, UTTERANCES_FILE, _VERSION, _parsed)


def _parsed(values: Mapping[str, Any]) -> UtteranceLengths:
    figures = {str(name): float(value) for name, value in values["figures"].items()}
    tail_padding_ms = int(values.get("tail_padding_ms", 0))  # not in files of older versions
    return UtteranceLengths(int(values["good_ms"]), int(values["max_ms"]), tail_padding_ms, figures)


def lengths_of(folder: Path, *, can_calibrate: bool = True) -> UtteranceLengths:
    """The content of ``utterances.json``. If it cannot be used: ``UNMEASURED_LENGTHS``, and a warning.

    ``can_calibrate``: whether ``calibrate`` makes the file for such a model.
    """
    try:
        lengths = read_lengths(folder)
        problem = f"{folder.name} has no {UTTERANCES_FILE}"
    except CheckpointError as error:
        lengths, problem = None, str(error)
    if lengths is None:
        _log.warning(
            "recordings are cut into utterances of about %d s: %s; %s",
            UNMEASURED_LENGTHS.good_ms // 1000,
            problem,
            calibration_advice("to find out what the model handles well", folder)
            if can_calibrate
            else NOT_CALIBRATED,
        )
        return UNMEASURED_LENGTHS
    return lengths
