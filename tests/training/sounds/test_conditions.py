"""Rooms, noise, lines and microphones do to a sound what they are named for."""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from training.starter.sounds import compression, conditions, noise
from training.starter.sounds.conditions import SAMPLE_RATE, Samples, Speechless
from training.starter.synthesis import synth

needs_espeak = pytest.mark.skipif(not synth.is_available(), reason="libespeak-ng.so.1 is not installed")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def decibels(samples: NDArray[np.floating]) -> float:
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-20))


@pytest.fixture
def talk() -> Samples:
    """Like speech in what matters here: bursts of a broad band with pauses, 3 s, odd length."""
    sound = noise.colored(3 * SAMPLE_RATE + 7, rng(1), 0.7)
    gate = np.arange(len(sound)) % 8000 < 5000
    return np.asarray(0.1 * sound / np.abs(sound).max() * gate, np.float32)


@pytest.mark.parametrize("signal_to_noise_db", [5.0, 20.0])
@pytest.mark.parametrize(
    "add", [conditions.with_noise, pytest.param(conditions.with_babble, marks=needs_espeak)]
)
def test_noise_lies_as_far_below_the_sounding_part_as_asked(
    talk: Samples, add: Callable[[Samples, float, np.random.Generator], Samples], signal_to_noise_db: float
) -> None:
    found = []
    for seed in range(6):
        added = add(talk, signal_to_noise_db, rng(seed)) - talk
        found.append(decibels(talk[np.abs(talk) > 1e-3]) - decibels(added))
    # sounds of clicks are measured by their peaks, two kinds at once are a little louder
    assert np.median(found) == pytest.approx(signal_to_noise_db, abs=2.0)


def test_nothing_is_added_to_digital_silence() -> None:
    silence = np.zeros(SAMPLE_RATE, np.float32)
    np.testing.assert_array_equal(conditions.with_noise(silence, 10.0, rng()), silence)


@needs_espeak
def test_worsened_speech_is_of_16_bits_and_its_seed_decides(talk: Samples) -> None:
    for seed in range(30):
        worse = conditions.worsen(talk, rng(seed))
        assert worse.shape == talk.shape
        assert worse.dtype == np.float32
        assert np.abs(worse).max() <= 1.0
        steps = worse.astype(np.float64) * 32768
        np.testing.assert_array_equal(steps, np.round(steps))
        np.testing.assert_array_equal(worse, conditions.worsen(talk, rng(seed)))


@needs_espeak
@pytest.mark.parametrize("kind", get_args(Speechless))
def test_recordings_without_speech(kind: Speechless) -> None:
    recordings = [conditions.without_speech(kind, rng(seed), held_out=seed % 2 == 0) for seed in range(20)]
    for recording in recordings:
        assert recording.dtype == np.float32
        assert 0.25 * SAMPLE_RATE <= len(recording) <= 13.2 * SAMPLE_RATE
        assert np.abs(recording).max() <= 1.0
    levels = [decibels(recording) for recording in recordings]
    if kind == "silence":
        assert max(levels) < -55
        assert min(levels) < -150
    else:
        assert -80 < min(levels) < -35
        assert max(levels) > -35
    assert len({len(recording) for recording in recordings}) > 10


@pytest.mark.parametrize("bits_per_s", [6_000, 12_000, 24_000])
def test_opus_is_neither_late_nor_longer(talk: Samples, bits_per_s: int) -> None:
    heard = compression.opus(talk, bits_per_s)
    assert heard.shape == talk.shape
    assert heard.dtype == np.float32
    envelope, before = (np.convolve(np.abs(each), np.ones(160) / 160, "same") for each in (heard, talk))
    lags = range(-1600, 1601, 16)
    best = max(lags, key=lambda lag: float(np.dot(np.roll(envelope, -lag), before)))
    assert abs(best) <= 320  # 20 ms: few bits blur where a sound begins
    assert decibels(heard) == pytest.approx(decibels(talk), abs=3.0)
