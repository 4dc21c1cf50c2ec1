"""``utterances.json``: read for the weights that it was computed for, else lengths that suit most models."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.checkpoints import checkpoint_folder
from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.manifest import verify
from translate_svc.models.checkpoint.utterance_lengths import (
    UNMEASURED_LENGTHS,
    UTTERANCES_FILE,
    UtteranceLengths,
    lengths_of,
    read_lengths,
    write_lengths,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint_folder("starter"), tmp_path / "model"))


def test_what_was_written_is_read_and_the_model_still_verifies(folder: Path) -> None:
    lengths = UtteranceLengths(4_000, 9_000, 300, {"found": 90.5})
    write_lengths(folder, lengths)
    assert read_lengths(folder) == lengths_of(folder) == lengths
    verify(folder)


def test_a_file_without_a_tail_padding_asks_for_none(folder: Path) -> None:
    write_lengths(folder, UtteranceLengths(4_000, 9_000, 300))
    content = json.loads((folder / UTTERANCES_FILE).read_text(encoding="utf-8"))
    del content["tail_padding_ms"]
    (folder / UTTERANCES_FILE).write_text(json.dumps(content), encoding="utf-8")
    assert read_lengths(folder) == UtteranceLengths(4_000, 9_000, 0)


def test_the_starter_has_lengths_of_its_own() -> None:
    assert lengths_of(checkpoint_folder("starter")) != UNMEASURED_LENGTHS


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 1}', "[" * 100_000], ids=len)
def test_a_file_that_is_none_is_told_and_not_used(
    folder: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / UTTERANCES_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match="is not a calibration"):
        read_lengths(folder)
    assert lengths_of(folder) is UNMEASURED_LENGTHS
    assert "translate-svc calibrate --model model" in caplog.text


def test_without_the_file_nothing_is_known(folder: Path) -> None:
    (folder / UTTERANCES_FILE).unlink()
    assert read_lengths(folder) is None


@pytest.mark.parametrize(
    ("good_ms", "max_ms", "tail_padding_ms"),
    [(499, 7_000, 0), (2_000, 2_499, 0), (2_000, 30_001, 0), (2_000, 7_000, -1), (2_000, 7_000, 1_001)],
)
def test_lengths_that_no_stream_may_have_are_refused(good_ms: int, max_ms: int, tail_padding_ms: int) -> None:
    with pytest.raises(ValueError, match="must be within"):
        UtteranceLengths(good_ms, max_ms, tail_padding_ms)
