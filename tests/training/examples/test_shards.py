"""Shards give back what was written, within the rounding of eight bits, and stay small enough to travel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.training.text_work import examples
from training.starter.examples import shards
from training.starter.examples.batching import MEL_BINS


def test_examples_survive_their_shard(tmp_path: Path) -> None:
    written = examples([40, 7, 120])
    shards.write(tmp_path / "deep" / "0000.npz", written)
    for before, after in zip(written, shards.read(tmp_path / "deep" / "0000.npz"), strict=True):
        assert (after.language, dict(after.texts)) == (before.language, dict(before.texts))
        assert after.features.dtype == np.float16
        mel = before.features.reshape(-1, MEL_BINS).astype(np.float32)
        half_a_step = np.abs(mel).max(axis=0) / 127 / 2
        error = np.abs(after.features.reshape(-1, MEL_BINS) - mel)
        assert (error <= half_a_step + 2e-3).all()  # and the rounding of float16


def test_a_piece_of_speech_keeps_all_its_texts(tmp_path: Path) -> None:
    whole, piece = examples([20, 30])
    piece = replace(piece, prefixes=whole.texts, rests=piece.texts, spoken="half a")
    shards.write(tmp_path / "0000.npz", [whole, piece])
    read = shards.read(tmp_path / "0000.npz")
    for before, after in zip([whole, piece], read, strict=True):
        assert (dict(after.prefixes), dict(after.rests)) == (dict(before.prefixes), dict(before.rests))
        assert after.spoken == before.spoken
    assert [example.has_prefix for example in read] == [False, True]


def test_an_interrupted_write_leaves_no_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="no space"):
        shards.write(tmp_path / "0000.npz", examples([5]))
    assert list(tmp_path.glob("*.npz")) == []
