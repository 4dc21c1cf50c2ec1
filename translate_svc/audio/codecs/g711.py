"""G.711 mu-law and A-law (ITU-T Recommendation G.711, tables 1 and 2): codes <-> float32 samples.

Both are tables over 16-bit samples: mu-law's 14-bit scale times 4, A-law's 13-bit scale times 8. A sample
whose magnitude is exactly a decision value takes the louder of the two codes, whatever its sign.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from translate_svc.audio.pcm import from_s16, to_s16
from translate_svc.types import Samples

Codes = npt.NDArray[np.uint8]

_MULAW_BIAS = 33
_MULAW_MAX = 8_191
"""Largest biased 14-bit magnitude."""
_ALAW_EVEN_BITS = 0x55
"""A-law inverts the even bits of a code on the line."""


def from_mulaw(codes: Codes) -> Samples:
    """Samples of mu-law codes, any shape; the largest is 32124 / 32768."""
    return _mulaw_samples()[codes]


def to_mulaw(samples: Samples) -> Codes:
    """Mu-law codes of samples, any shape, clipped to [-1, 1)."""
    return _mulaw_codes()[to_s16(samples).view(np.uint16)]


def from_alaw(codes: Codes) -> Samples:
    """Samples of A-law codes, any shape; the largest is 32256 / 32768, and none is 0."""
    return _alaw_samples()[codes]


def to_alaw(samples: Samples) -> Codes:
    """A-law codes of samples, any shape, clipped to [-1, 1)."""
    return _alaw_codes()[to_s16(samples).view(np.uint16)]


@cache
def _mulaw_samples() -> Samples:
    """``[256]``. A code is inverted; its top bit then means negative."""
    inverted = ~np.arange(256, dtype=np.uint8)
    negative, segment, step = _parts(inverted)
    magnitude = (((2 * step + _MULAW_BIAS) << segment) - _MULAW_BIAS) * 4
    return from_s16(np.where(negative, -magnitude, magnitude))


@cache
def _mulaw_codes() -> Codes:
    """``[65536]``, indexed by the 16 bits of a sample."""
    values = _all_s16()
    biased = np.minimum((np.abs(values) >> 2) + _MULAW_BIAS, _MULAW_MAX)
    segment = _bit_length(biased) - 6
    step = (biased >> (segment + 1)) & 0xF
    return ~_code(values < 0, segment, step)


@cache
def _alaw_samples() -> Samples:
    """``[256]``. The top bit of a code means positive."""
    positive, segment, step = _parts(np.arange(256, dtype=np.uint8) ^ np.uint8(_ALAW_EVEN_BITS))
    # segment 0 has no implicit leading one; every code decodes to the middle of its interval
    magnitude = np.where(segment == 0, 2 * step + 1, (2 * step + 33) << np.maximum(segment - 1, 0)) * 8
    return from_s16(np.where(positive, magnitude, -magnitude))


@cache
def _alaw_codes() -> Codes:
    """``[65536]``, indexed by the 16 bits of a sample."""
    values = _all_s16()
    magnitude = np.minimum(np.abs(values) >> 4, 0x7FF)
    segment = np.maximum(_bit_length(magnitude) - 4, 0)
    step = (magnitude >> np.maximum(segment - 1, 0)) & 0xF
    return _code(values >= 0, segment, step) ^ np.uint8(_ALAW_EVEN_BITS)


def _all_s16() -> npt.NDArray[np.int64]:
    """Every 16-bit sample, in the order of its bit pattern."""
    return np.arange(65_536, dtype=np.uint16).view(np.int16).astype(np.int64)


def _bit_length(numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    return np.frexp(numbers.astype(np.float64))[1].astype(np.int64)


def _parts(codes: Codes) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Splits codes into top bit, segment (3 bits) and step in the segment (4 bits)."""
    wide = codes.astype(np.int64)
    return wide >= 0x80, (wide >> 4) & 0x7, wide & 0xF


def _code(top: npt.NDArray[np.bool_], segment: npt.NDArray[np.int64], step: npt.NDArray[np.int64]) -> Codes:
    return ((top.astype(np.int64) << 7) | (segment << 4) | step).astype(np.uint8)
