"""Random pieces: in tune, in time, and of instruments that evaluation keeps for itself."""

from __future__ import annotations

import numpy as np
import pytest

from training.starter.sounds import music
from training.starter.sounds.music import (
    HELD_OUT_INSTRUMENTS,
    HELD_OUT_SCALES,
    TRAIN_INSTRUMENTS,
    TRAIN_SCALES,
)


def test_instruments_and_scales_of_evaluation_are_not_trained_on() -> None:
    assert not set(TRAIN_INSTRUMENTS) & set(HELD_OUT_INSTRUMENTS)
    assert not set(TRAIN_INSTRUMENTS.values()) & set(HELD_OUT_INSTRUMENTS.values())
    assert not set(TRAIN_SCALES) & set(HELD_OUT_SCALES)


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


@pytest.mark.parametrize("held_out", [False, True])
def test_a_piece_draws_from_its_own_part_alone(monkeypatch: pytest.MonkeyPatch, held_out: bool) -> None:
    other = "TRAIN" if held_out else "HELD_OUT"
    monkeypatch.setattr(music, f"{other}_INSTRUMENTS", {})
    monkeypatch.setattr(music, f"{other}_SCALES", ())
    for seed in range(10):
        music.make(8000, np.random.default_rng(seed), held_out=held_out)
    with pytest.raises(ValueError, match="high"):
        music.make(8000, np.random.default_rng(0), held_out=not held_out)
