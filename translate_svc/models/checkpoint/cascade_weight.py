"""``cascade.json`` beside the weights: whether translations through the transcript make a checkpoint better.

``translate-svc calibrate`` writes it. It is valid only for the weights that it was computed for, and holds
their hash. Free of torch.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.keyed_file import read_parsed, write_keyed

CASCADE_FILE = "cascade.json"
MAX_CASCADE_WEIGHT = 10.0
_VERSION = 1

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CascadeWeight:
    """The result of a calibration.

    Attributes:
        weight: as ``SequenceSpec.cascade_weight``; 0 to 10.
        figures: the measured figures, for people to read.
    """

    weight: float = 0.0
    figures: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and 0 <= self.weight <= MAX_CASCADE_WEIGHT):
            raise ValueError(f"weight must be within [0, {MAX_CASCADE_WEIGHT:g}]")


def write_cascade_weight(folder: Path, cascade: CascadeWeight) -> None:
    """Writes ``cascade.json``, and updates its sum if the manifest names the file."""
    write_keyed(folder, CASCADE_FILE, _VERSION, {"weight": cascade.weight, "figures": dict(cascade.figures)})


def read_cascade_weight(folder: Path) -> CascadeWeight | None:
    """The content of ``cascade.json``. None if the file does not exist.

    Raises:
        CheckpointError: the file is damaged, or is for other weights.
    """
    return read_parsed(folder, CASCADE_FILE, _VERSION, _parsed)


def _parsed(values: Mapping[str, Any]) -> CascadeWeight:
    figures = {str(name): float(value) for name, value in values["figures"].items()}
    return CascadeWeight(float(values["weight"]), figures)


def cascade_weight_of(folder: Path) -> float:
    """The weight of ``cascade.json``. 0 without one, and with a warning if it cannot be used."""
    try:
        cascade = read_cascade_weight(folder)
    except CheckpointError as error:
        _log.warning("speech is translated directly alone: %s", error)
        return 0.0
    return 0.0 if cascade is None else cascade.weight
