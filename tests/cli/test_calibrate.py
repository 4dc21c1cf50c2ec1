"""``translate-svc calibrate``: a file beside the weights, a line about it, and what it refuses."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.checkpoints import checkpoint_folder
from tests.clips import DATA
from translate_svc.cli import main
from translate_svc.models.alignment.alignment_file import ALIGNMENT_FILE, read_alignment
from translate_svc.models.checkpoint.description import CheckpointDescription
from translate_svc.models.checkpoint.manifest import verify


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The command in this process, which has loaded torch already. Returns its exit code."""
    monkeypatch.setattr(sys, "argv", ["translate-svc", "calibrate", *arguments])
    monkeypatch.setenv("COLUMNS", "200")
    return main._run()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint_folder("starter"), tmp_path / "model"))


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for name in ("eng_two", "spa_two"):
        shutil.copy(DATA / f"{name}.flac", folder)
    return folder


def test_it_is_written_beside_the_weights_and_the_model_still_verifies(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: Path, clips: Path
) -> None:
    before = json.loads((model / ALIGNMENT_FILE).read_text())
    assert run(monkeypatch, "--model", str(model), "--clips", str(clips)) == 0
    found = read_alignment(model, CheckpointDescription.read(model).config)
    assert found is not None
    assert found.figures["drafts"] < before["figures"]["drafts"], "of two clips"
    said = capsys.readouterr().out
    assert f"{found.figures['tokens']:.0f} tokens" in said
    assert f"patience {found.patience_frames} frames" in said
    assert str(model / ALIGNMENT_FILE) in said
    verify(model)


def test_clips_without_speech_tell_nothing_and_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], model: Path, tmp_path: Path
) -> None:
    before = (model / ALIGNMENT_FILE).read_bytes()
    quiet = tmp_path / "quiet"
    quiet.mkdir()
    soundfile.write(quiet / "short.wav", np.zeros(4_000, np.float32), 16_000)
    assert run(monkeypatch, "--model", str(model), "--clips", str(quiet)) == 2
    assert "the clips tell nothing" in capsys.readouterr().err
    assert (model / ALIGNMENT_FILE).read_bytes() == before


@pytest.mark.parametrize(("content", "message"), [(None, "is not a directory"), ((), "has no files")])
def test_clips_that_are_not_there_are_wrong_usage(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    content: tuple[()] | None,
    message: str,
) -> None:
    folder = tmp_path / "clips"
    if content is not None:
        folder.mkdir()
    starter = str(checkpoint_folder("starter"))
    assert run(monkeypatch, "--model", starter, "--clips", str(folder)) == 2
    assert f"--clips: {message}" in capsys.readouterr().err
