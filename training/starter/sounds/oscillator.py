"""A wavetable oscillator: one period of any harmonic sound is worked out once and then read at any frequency.

Reading a table costs a tenth of summing sines over every sample, which is what keeps noise and music cheap
enough to be made afresh for every training example.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
TABLE_SIZE = 4096
Samples = NDArray[np.float32]


def wavetable(amplitudes: Sequence[float], rng: np.random.Generator | None = None) -> Samples:
    """One period, (TABLE_SIZE,), whose k-th harmonic (from 1) has `amplitudes[k - 1]`.

    All harmonics start as sines, or at random phases when `rng` is given. Nothing here is band-limited: the
    caller gives only harmonics that stay below half the sample rate at the frequency played.
    """
    spectrum = np.zeros(TABLE_SIZE // 2 + 1, np.complex64)
    phases = np.zeros(len(amplitudes)) if rng is None else rng.uniform(0, 2 * np.pi, len(amplitudes))
    spectrum[1 : len(amplitudes) + 1] = -0.5j * TABLE_SIZE * np.asarray(amplitudes) * np.exp(1j * phases)
    return np.fft.irfft(spectrum).astype(np.float32)


SINE = wavetable([1.0])


def play(
    table: Samples, frequency_hz: float | NDArray[np.floating], count: int, phase: float = 0.0
) -> Samples:
    """`count` samples of `table` at one frequency, or at one that changes: (count,). `phase` in periods."""
    step = np.asarray(frequency_hz, np.float64) * (TABLE_SIZE / SAMPLE_RATE)
    position = np.arange(count) * step if step.ndim == 0 else np.cumsum(step)
    index = (position + phase * TABLE_SIZE).astype(np.int64) & (TABLE_SIZE - 1)
    return np.take(table, index)
