"""How close this package's stages must come to transformers'."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.models.placement import Placement
from translate_svc.models.precision import FLOAT32, INT8


@dataclass(frozen=True, slots=True)
class Tolerance:
    """What counts as equal.

    Attributes:
        log_probability: greatest allowed difference of a next token's natural log-probability. A different
            token is a tie, not a difference, if transformers' own log-probabilities of the two tokens differ
            by at most this much.
        unit_similarity: smallest allowed ``difflib`` ratio of two unit sequences. 1 means the same units.
        waveform: greatest allowed difference of two samples, for waveforms within [-1, 1].
    """

    log_probability: float
    unit_similarity: float
    waveform: float


def tolerance(placement: Placement) -> Tolerance:
    """The tolerance for a placement.

    float32 on a CPU is exact up to the order of sums. A GPU computes convolutions in TF32 (10 bits). bfloat16
    (8 bits) changes logits by as much as near ties differ, and makes durations round differently; int8
    does so more, which in a short speech is a unit in ten.
    """
    if placement.precision is INT8:
        return Tolerance(log_probability=1.0, unit_similarity=0.7, waveform=2e-2)
    if placement.precision is not FLOAT32:
        return Tolerance(log_probability=0.5, unit_similarity=0.9, waveform=2e-2)
    if placement.device != "cpu":
        return Tolerance(log_probability=2e-2, unit_similarity=0.99, waveform=2e-2)
    return Tolerance(log_probability=1e-3, unit_similarity=1.0, waveform=1e-4)
