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
def test_a_piece_draws_from_its_own_part_alone(monkeypatch: pytest.MonkeyPatch, held_out: bool) -> None:
    other = "TRAIN" if held_out else "HELD_OUT"
    monkeypatch.setattr(music, f"{other}_INSTRUMENTS", {})
    monkeypatch.setattr(music, f"{other}_SCALES", ())
    for seed in range(10):
        music.make(8000, np.random.default_rng(seed), held_out=held_out)
    with pytest.raises(ValueError, match="high"):
        music.make(8000, np.random.default_rng(0), held_out=not held_out)
