"""``confidence.json``: read for the weights that it was computed for, else no calibration."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints import checkpoint_folder
from translate_svc.confidence import UNCALIBRATED, ConfidenceRule, Logistic, Threshold
from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.manifest import read_manifest, verify
from translate_svc.models.checkpoint.utterance_lengths import UNMEASURED_LENGTHS, lengths_of
from translate_svc.models.confidence.confidence_file import (
    CONFIDENCE_FILE,
    confidence_of,
    read_confidence,
    write_confidence,
)

RULE = ConfidenceRule(
    Logistic(-2.5, (-0.5, -3.0, 0.25)),
    Logistic(-2.0, (-1.0, -2.0, 0.0, 0.5, -1.5, 0.0)),
    Threshold(1.5, -0.75),
    {"texts": 568},
    Logistic(-1.5, (-1.0, -2.0, 0.0, 0.5, -1.5, 0.0, 0.25, -0.5, 0.0, -0.75)),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint_folder("tiny"), tmp_path / "model"))


def test_what_was_written_is_read(folder: Path) -> None:
    for rule in (RULE, ConfidenceRule(RULE.alone, None, Threshold(-9.0, 0.0))):
        write_confidence(folder, rule)
        assert read_confidence(folder) == rule
        assert confidence_of(folder) == rule


def test_a_rule_that_is_not_calibrated_is_not_kept(folder: Path) -> None:
    for rule in (UNCALIBRATED, ConfidenceRule(RULE.alone, None, None)):
        with pytest.raises(ValueError, match="calibrated"):
            write_confidence(folder, rule)
    assert not (folder / CONFIDENCE_FILE).exists()


def test_without_one_nothing_is_flagged_and_the_log_says_why(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert read_confidence(folder) is None
    assert confidence_of(folder) == UNCALIBRATED
    assert "translate-svc calibrate --model model" in caplog.text


def test_no_command_is_advised_that_makes_none(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert confidence_of(folder, can_calibrate=False) == UNCALIBRATED
    assert lengths_of(folder, can_calibrate=False) is UNMEASURED_LENGTHS
    assert "calibrate makes none" in caplog.text
    assert "calibrate --model" not in caplog.text


def test_one_of_other_weights_is_ignored_with_a_warning(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_confidence(folder, RULE)
    weights = folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(CheckpointError, match="computed for other weights"):
        read_confidence(folder)
    assert confidence_of(folder) == UNCALIBRATED
    assert "computed for other weights" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 0.5},
        {"threshold": None},
        {"threshold": {"intercept": 0.5}},
        {"threshold": {"intercept": True, "slope": 0.0}},
        {"threshold": {"intercept": float("nan"), "slope": 0.0}},
        {"alone": {"intercept": 0.0, "weights": [1.0, 2.0]}},
        {"alone": {"intercept": float("inf"), "weights": [1.0, 2.0, 3.0]}},
        {"alone": {"intercept": 0.0, "weights": ["1", 2.0, 3.0]}},
        {"alone": {"weights": [1.0, 2.0, 3.0]}},
        {"alone": None},
        {"with_transcript": {"intercept": 0.0, "weights": [1.0, 2.0, 3.0]}},
        {"with_transcript": []},
        {"with_agreement": {"intercept": 0.0, "weights": [1.0] * 6}},
        {"with_agreement": None},
        {"figures": 3},
        {"alone": {"intercept": 10**400, "weights": [1.0, 2.0, 3.0]}},
        {"version": 2},
    ],
)
def test_what_does_not_fit_is_told(folder: Path, change: dict[str, Any]) -> None:
    write_confidence(folder, RULE)
    path = folder / CONFIDENCE_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change), encoding="utf-8")
    with pytest.raises(CheckpointError, match="not a calibration"):
        read_confidence(folder)
    assert confidence_of(folder) == UNCALIBRATED


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b"3", b"[" * 100_000], ids=len)
def test_damage_is_told(folder: Path, content: bytes) -> None:
    (folder / CONFIDENCE_FILE).write_bytes(content)
    with pytest.raises(CheckpointError, match=r"confidence\.json"):
        read_confidence(folder)


def test_the_starter_is_calibrated_for_its_own_weights() -> None:
    """Fails where the weights were replaced without ``translate-svc calibrate``."""
    folder = checkpoint_folder("starter")
    assert CONFIDENCE_FILE in read_manifest(folder)
    verify(folder)
    rule = read_confidence(folder)
    assert rule is not None
    assert rule.calibrated
    assert rule.with_transcript is not None
    assert rule.figures["area_with_transcript"] > 0.85
    assert rule.confidence([-0.01] * 8) > 0.9 > 0.2 > rule.confidence([-1.5] * 8)
    assert rule.with_source is not None
    assert rule.figures["wrong_flagged_with_source"] >= 0.9
