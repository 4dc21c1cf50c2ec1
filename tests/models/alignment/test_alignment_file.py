"""``alignment.json``: read for the weights that it was computed for, else the safe rule."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints import checkpoint_folder
from translate_svc.errors import CheckpointError
from translate_svc.models.alignment.alignment_file import (
    ALIGNMENT_FILE,
    SAFE_ALIGNMENT,
    Alignment,
    AttentionRow,
    PolicyName,
    alignment_of,
    read_alignment,
    write_alignment,
)
from translate_svc.models.checkpoint.description import CheckpointDescription
from translate_svc.models.checkpoint.keyed_file import weights_key
from translate_svc.models.checkpoint.manifest import MANIFEST_FILE, read_manifest, verify
from translate_svc.models.seamless.config import ModelConfig

ALIGNMENT = Alignment(
    ((1, 0), (2, 3)), 4, PolicyName.ALIGN_ATT, AttentionRow.INPUT, 0.95, 0.7, {"survival": 0.99}
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint_folder("tiny"), tmp_path / "model"))


@pytest.fixture
def config(folder: Path) -> ModelConfig:
    return CheckpointDescription.read(folder).config


def test_what_was_written_is_read(folder: Path, config: ModelConfig) -> None:
    write_alignment(folder, ALIGNMENT)
    assert read_alignment(folder, config) == ALIGNMENT
    assert alignment_of(folder, config) == ALIGNMENT
    assert not (folder / f".{ALIGNMENT_FILE}").exists()


def test_the_safe_rule_can_be_written(folder: Path, config: ModelConfig) -> None:
    write_alignment(folder, SAFE_ALIGNMENT)
    assert read_alignment(folder, config) == SAFE_ALIGNMENT


def test_without_one_words_are_committed_when_two_hypotheses_agree(
    folder: Path, config: ModelConfig, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_alignment(folder, config) is None
    assert alignment_of(folder, config).policy is PolicyName.AGREEMENT
    assert "translate-svc calibrate --model model" in caplog.text


def test_one_of_other_weights_is_ignored_with_a_warning(
    folder: Path, config: ModelConfig, caplog: pytest.LogCaptureFixture
) -> None:
    write_alignment(folder, ALIGNMENT)
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CheckpointError, match="computed for other weights"):
        read_alignment(folder, config)
    assert alignment_of(folder, config) == SAFE_ALIGNMENT
    assert "computed for other weights" in caplog.text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": [[3, 0]]}, "heads that are not there"),
        ({"heads": [[0, 4]]}, "heads that are not there"),
        ({"sure_probability": 1.5}, "not a calibration"),
        ({"unsure_probability": "high"}, "not a calibration"),
        ({"heads": [[-1, 0]]}, "not a calibration"),
        ({"heads": [[0, 0], [0, 0]]}, "not a calibration"),
        ({"heads": []}, "not a calibration"),
        ({"heads": [[0]]}, "not a calibration"),
        ({"heads": None}, "not a calibration"),
        ({"patience_frames": 33}, "not a calibration"),
        ({"patience_frames": -1}, "not a calibration"),
        ({"patience_frames": True}, "not a calibration"),
        ({"patience_frames": 2.5}, "not a calibration"),
        ({"policy": "hope"}, "not a calibration"),
        ({"attention_row": "another"}, "not a calibration"),
        ({"figures": []}, "not a calibration"),
        ({"version": 2}, "not a calibration"),
    ],
)
def test_what_does_not_fit_is_told(
    folder: Path, config: ModelConfig, change: dict[str, Any], message: str
) -> None:
    write_alignment(folder, ALIGNMENT)
    path = folder / ALIGNMENT_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change), encoding="utf-8")
    with pytest.raises(CheckpointError, match=message):
        read_alignment(folder, config)
    assert alignment_of(folder, config) == SAFE_ALIGNMENT


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"3"])
def test_damage_is_told(folder: Path, config: ModelConfig, content: bytes) -> None:
    (folder / ALIGNMENT_FILE).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"alignment\.json"):
        read_alignment(folder, config)


def test_the_manifest_saves_hashing_and_stays_true(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint_folder("starter"), tmp_path / "model"))
    key = weights_key(folder)
    assert ALIGNMENT_FILE in read_manifest(folder)
    write_alignment(folder, ALIGNMENT)
    verify(folder)
    (folder / MANIFEST_FILE).unlink()
    assert weights_key(folder) == key


def test_a_manifest_that_does_not_name_it_is_left_alone(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(checkpoint_folder("starter"), tmp_path / "model"))
    manifest = folder / MANIFEST_FILE
    lines = [line for line in manifest.read_text().splitlines(keepends=True) if ALIGNMENT_FILE not in line]
    manifest.write_text("".join(lines))
    write_alignment(folder, ALIGNMENT)
    assert manifest.read_text() == "".join(lines)


def test_the_starter_is_calibrated() -> None:
    folder = checkpoint_folder("starter")
    found = read_alignment(folder, CheckpointDescription.read(folder).config)
    assert found is not None
    assert found.policy is PolicyName.ALIGN_ATT_AGREEMENT
    assert found.attention_row is AttentionRow.PREDICTING
    assert found.figures["survival"] >= 0.985
