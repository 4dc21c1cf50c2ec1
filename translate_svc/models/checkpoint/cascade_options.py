"""``cascade.json`` beside the weights: whether a checkpoint is better when it reads what it heard.

That is: when it makes unsure transcripts of speech again, and translations through the transcript.
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
RETRY_SPEEDS = (1.1, 0.9)
"""Speeds at which speech is heard again, in this order: one on either side of its own.

The second brings about as much as the first, and further ones little.
"""
MAX_TRANSCRIPT_RETRIES = len(RETRY_SPEEDS)
_VERSION = 2

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CascadeOptions:
    """The result of a calibration.

    Attributes:
        weight: as ``SequenceSpec.cascade_weight``; 0 to 10.
        retries: as ``SequenceSpec.retries``, of the transcript; 0 to 2.
        figures: the measured figures, for people to read.
    """

    weight: float = 0.0
    retries: int = 0
    figures: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not (math.isfinite(self.weight) and 0 <= self.weight <= MAX_CASCADE_WEIGHT):
            raise ValueError(f"weight must be within [0, {MAX_CASCADE_WEIGHT:g}]")
        if type(self.retries) is not int or not 0 <= self.retries <= MAX_TRANSCRIPT_RETRIES:
            raise ValueError(f"retries must be within [0, {MAX_TRANSCRIPT_RETRIES}]")


def write_cascade_options(folder: Path, cascade: CascadeOptions) -> None:
    """Writes ``cascade.json``, and updates its sum if the manifest names the file."""
    values = {"weight": cascade.weight, "retries": cascade.retries, "figures": dict(cascade.figures)}
    write_keyed(folder, CASCADE_FILE, _VERSION, values)


def read_cascade_options(folder: Path) -> CascadeOptions | None:
    """The content of ``cascade.json``. None if the file does not exist.

    Raises:
        CheckpointError: the file is damaged, or is for other weights.
    """
    return read_parsed(folder, CASCADE_FILE, _VERSION, _parsed)


def _parsed(values: Mapping[str, Any]) -> CascadeOptions:
    figures = {str(name): float(value) for name, value in values["figures"].items()}
    return CascadeOptions(float(values["weight"]), values["retries"], figures)


def cascade_options_of(folder: Path) -> CascadeOptions:
    """The content of ``cascade.json``. Nothing is read again without one, and with a warning if it cannot be
    used.
    """
    try:
        return read_cascade_options(folder) or CascadeOptions()
    except CheckpointError as error:
        _log.warning("speech is translated directly alone: %s", error)
        return CascadeOptions()
