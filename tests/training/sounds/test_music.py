"""Random pieces: in tune, in time, and of instruments that evaluation keeps for itself."""

from __future__ import annotations

import numpy as np
import pytest

from training.starter.sounds import music
from training.starter.sounds.music import (
    HELD_OUT_INSTRUMENTS,
    HELD_OUT_SCALES,
    SAMPLE_RATE,
    TRAIN_INSTRUMENTS,
    TRAIN_SCALES,
    Samples,
)

INSTRUMENTS = {**TRAIN_INSTRUMENTS, **HELD_OUT_INSTRUMENTS}


def spectrum(samples: Samples) -> tuple[Samples, Samples]:
    window = np.hanning(len(samples)).astype(np.float32)
    frequency_hz = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    return frequency_hz.astype(np.float32), np.abs(np.fft.rfft(samples * window)).astype(np.float32)


def test_instruments_and_scales_of_evaluation_are_not_trained_on() -> None:
    assert not set(TRAIN_INSTRUMENTS) & set(HELD_OUT_INSTRUMENTS)
    assert not set(TRAIN_INSTRUMENTS.values()) & set(HELD_OUT_INSTRUMENTS.values())
    assert not set(TRAIN_SCALES) & set(HELD_OUT_SCALES)


@pytest.mark.parametrize("name", INSTRUMENTS)
@pytest.mark.parametrize("frequency_hz", [110.0, 440.0, 1760.0])
def test_tones_are_in_tune_and_without_aliases(name: str, frequency_hz: float) -> None:
    tone = music._Tone.draw(INSTRUMENTS[name], np.random.default_rng(3))
    found_hz, size = spectrum(tone.note(frequency_hz, SAMPLE_RATE))
    nearest = np.round(found_hz / frequency_hz)
    swing_hz = 0.06 * frequency_hz + 0.015 * found_hz  # vibrato spreads the high harmonics
    is_harmonic = (nearest > 0) & (np.abs(found_hz - nearest * frequency_hz) < swing_hz)
    assert size[~is_harmonic].max() < 0.05 * size.max()
    fundamental = np.abs(found_hz - frequency_hz) < 0.03 * frequency_hz
    assert size[fundamental].max() > 0.3 * size.max()


@pytest.mark.parametrize("name", ["piano", "guitar", "marimba", "organ", "strings"])
def test_struck_tones_decay_and_held_ones_do_not(name: str) -> None:
    note = music._Tone.draw(INSTRUMENTS[name], np.random.default_rng(3)).note(220.0, SAMPLE_RATE)
    early, late = (float(np.std(part)) for part in (note[4000:8000], note[11_000:15_000]))
    if INSTRUMENTS[name].decay_s:
        assert late < 0.9 * early
    else:
        assert late == pytest.approx(early, rel=0.05)


@pytest.mark.parametrize("held_out", [False, True])
def test_every_seed_is_another_piece_of_one_level(held_out: bool) -> None:
    pieces = [music.make(40_001, np.random.default_rng(seed), held_out=held_out) for seed in range(25)]
    for piece in pieces:
        assert piece.shape == (40_001,)
        assert piece.dtype == np.float32
        assert float(np.sqrt(np.mean(piece**2))) == pytest.approx(1.0, rel=1e-3)
    assert len({piece.tobytes() for piece in pieces}) == len(pieces)
    again = music.make(40_001, np.random.default_rng(0), held_out=held_out)
    np.testing.assert_array_equal(again, pieces[0])


def test_pieces_are_tones_not_noise() -> None:
    """Their energy lies in a few lines of the spectrum."""
    shares = []
    for seed in range(20):
        _, size = spectrum(music.make(2 * SAMPLE_RATE, np.random.default_rng(seed)))
        power = np.sort(size**2)[::-1]
        shares.append(power[: len(power) // 50].sum() / power.sum())
    assert np.median(shares) > 0.8


@pytest.mark.parametrize("count", [1, 100, 4000])
def test_a_piece_may_be_shorter_than_a_beat(count: int) -> None:
    for seed in range(10):
        assert np.isfinite(music.make(count, np.random.default_rng(seed))).all()


@pytest.mark.parametrize("held_out", [False, True])
def test_a_piece_draws_from_its_own_part_alone(monkeypatch: pytest.MonkeyPatch, held_out: bool) -> None:
    other = "TRAIN" if held_out else "HELD_OUT"
    monkeypatch.setattr(music, f"{other}_INSTRUMENTS", {})
    monkeypatch.setattr(music, f"{other}_SCALES", ())
    for seed in range(10):
        music.make(8000, np.random.default_rng(seed), held_out=held_out)
    with pytest.raises(ValueError, match="high"):
        music.make(8000, np.random.default_rng(0), held_out=not held_out)
