"""Linear PCM: converts between wire values and float32 samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from translate_svc.errors import InvalidArgument
from translate_svc.types import Samples

_S16_FULL_SCALE = 32_768.0
MAX_FLOAT_PEAK = 8.0
"""18 dB above full scale. Larger values are not filter overshoot but floats in another scale."""


def from_s16(values: npt.NDArray[np.integer]) -> Samples:
    """16-bit values divided by 32768: within [-1, 1)."""
    scaled: Samples = np.multiply(values, np.float32(1 / _S16_FULL_SCALE), dtype=np.float32)
    return scaled


def to_s16(samples: Samples) -> npt.NDArray[np.int16]:
    """Little-endian 16-bit values, rounded to nearest and clipped. The inverse of ``from_s16``."""
    scaled = np.rint(samples * np.float32(_S16_FULL_SCALE))
    clipped: npt.NDArray[np.int16] = np.clip(scaled, -_S16_FULL_SCALE, _S16_FULL_SCALE - 1).astype("<i2")
    return clipped


def from_f32(values: npt.NDArray[np.float32], *, field: str) -> Samples:
    """A caller's floats, clipped to [-1, 1].

    Raises:
        InvalidArgument: as ``check_floats``.
    """
    samples = values.astype(np.float32)
    check_floats(samples, field=field)
    return np.clip(samples, -1.0, 1.0)


def check_floats(values: npt.NDArray[np.floating[Any]], *, field: str) -> None:
    """Raises InvalidArgument, naming ``field``, for NaN, infinity, or floats beyond 8, which are in another
    scale.
    """
    if not np.isfinite(values).all():
        raise InvalidArgument("holds NaN or infinity", field=field)
    if values.size and float(np.abs(values).max()) > MAX_FLOAT_PEAK:
        raise InvalidArgument("is not in the scale of floats, where full scale is 1.0", field=field)


def to_f32(samples: Samples) -> npt.NDArray[Any]:
    """Little-endian 32-bit floats, unchanged."""
    return samples.astype("<f4")
