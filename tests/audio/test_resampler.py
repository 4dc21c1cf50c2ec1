"""The streaming resampler: one signal, however it is chunked; lengths exact to the sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate_svc.audio.resampler import Resampler, resample, resampled_length
from translate_svc.types import Samples

RATES = [8_000, 11_025, 12_345, 16_000, 22_050, 24_000, 32_000, 44_100, 47_999, 48_000]


def in_chunks(signal: Samples, sizes: list[int], resampler: Resampler) -> Samples:
    """Push ``signal`` in chunks of ``sizes``, over and over, then flush."""
    pieces, start, turn = [], 0, 0
    while start < len(signal):
        size = sizes[turn % len(sizes)]
        pieces.append(resampler.push(signal[start : start + size]))
        start, turn = start + size, turn + 1
    pieces.append(resampler.flush())
    return np.concatenate(pieces)


@given(
    rate_hz=st.sampled_from(RATES),
    downward=st.booleans(),
    kind=st.sampled_from(["sine", "noise"]),
    samples=st.integers(0, 20_000),
    sizes=st.lists(st.integers(1, 3_000), min_size=1, max_size=8),
)
def test_chunking_never_shows(
    rate_hz: int, downward: bool, kind: str, samples: int, sizes: list[int]
) -> None:
    time = np.arange(samples) / rate_hz
    wave = (
        np.sin(2 * np.pi * 440 * time)
        if kind == "sine"
        else np.random.default_rng(samples).uniform(-1, 1, samples)
    )
    signal = (0.5 * wave).astype(np.float32)
    input_hz, output_hz = (rate_hz, 16_000) if downward else (16_000, rate_hz)
    whole = resample(signal, input_hz, output_hz)
    np.testing.assert_array_equal(in_chunks(signal, sizes, Resampler(input_hz, output_hz)), whole)
    assert len(whole) == resampled_length(samples, input_hz, output_hz)


@pytest.mark.parametrize(
    ("samples", "input_hz", "output_hz", "length"),
    [
        (0, 44_100, 16_000, 0),
        (1, 48_000, 16_000, 0),
        (2, 48_000, 16_000, 1),
        (1, 32_000, 16_000, 1),  # a half goes up
        (44_100, 44_100, 16_000, 16_000),
        (1_411, 44_100, 16_000, 512),
        (1_412, 44_100, 16_000, 512),
        (2**62, 48_000, 16_000, (2**62 + 1) // 3),
    ],
)
def test_length_rule(samples: int, input_hz: int, output_hz: int, length: int) -> None:
    assert resampled_length(samples, input_hz, output_hz) == length


def test_flush_ends_the_stream() -> None:
    resampler = Resampler(48_000, 16_000)
    resampler.push(np.zeros(100, dtype=np.float32))
    assert len(resampler.flush()) == 33
    assert len(resampler.flush()) == 0
    with pytest.raises(RuntimeError):
        resampler.push(np.zeros(1, dtype=np.float32))
