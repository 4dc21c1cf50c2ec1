"""``cascade.json``: read for the weights that it was computed for, else speech is translated directly."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest

from tests.checkpoints import checkpoint_folder
from translate_svc.cli.cascade_trials import chosen_cascade
from translate_svc.config import Settings
from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.cascade_options import (
    CASCADE_FILE,
    CascadeOptions,
    cascade_options_of,
    read_cascade_options,
    write_cascade_options,
)
from translate_svc.models.checkpoint.manifest import verify


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint_folder("starter"), tmp_path / "model"))


def test_what_was_written_is_read_and_the_model_still_verifies(folder: Path) -> None:
    written = CascadeOptions(0.5, 1, {"weight_0_retries_0": 90.5})
    write_cascade_options(folder, written)
    assert read_cascade_options(folder) == written
    assert cascade_options_of(folder).weight == 0.5
    verify(folder)


def test_the_starter_has_a_weight() -> None:
    assert cascade_options_of(checkpoint_folder("starter")).weight == 0.3


def test_without_the_file_there_is_none(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / CASCADE_FILE).unlink()
    assert read_cascade_options(folder) is None
    assert cascade_options_of(folder).weight == 0
    assert not caplog.text


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 1}'])
def test_a_file_that_is_none_is_told_and_not_used(
    folder: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / CASCADE_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match="is not a calibration"):
        read_cascade_options(folder)
    assert cascade_options_of(folder).weight == 0
    assert "speech is translated directly alone" in caplog.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("weight", value) for value in (-0.1, 10.5, math.nan, "much", None)),
        *(("retries", value) for value in (-1, 3, 0.5, True, None)),
    ],
)
def test_options_that_are_none_are_refused(folder: Path, field: str, value: object) -> None:
    write_cascade_options(folder, CascadeOptions(0.5, 1))
    content = json.loads((folder / CASCADE_FILE).read_text(encoding="utf-8"))
    (folder / CASCADE_FILE).write_text(json.dumps(content | {field: value}), encoding="utf-8")
    with pytest.raises(CheckpointError, match="is not a calibration"):
        read_cascade_options(folder)


@pytest.mark.parametrize(
    ("words", "weight", "retries"),
    [
        ((90.0, 92.0, 94.0), 0.3, 2),
        ((90.0, 90.4, 90.6), 0.3, 0),
        ((90.0, 90.2, 90.4), 0.3, 2),
        ((90.0, 80.0, 90.2), 0.0, 0),
    ],
)
def test_it_is_kept_only_if_it_brings_what_it_costs(
    words: tuple[float, ...], weight: float, retries: int
) -> None:
    chosen = chosen_cascade(words)
    assert (chosen.weight, chosen.retries) == (weight, retries)
    assert list(chosen.figures.values()) == list(words)


@pytest.mark.parametrize(("set_to", "counts"), [(-1.0, 0.3), (0.0, 0.0), (1.5, 1.5)])
def test_the_operator_has_the_last_word(set_to: float, counts: float) -> None:
    assert Settings(cascade_weight=set_to).cascade_weight_of(0.3) == counts


@pytest.mark.parametrize(("set_to", "counts"), [(-1, 2), (0, 0), (1, 1)])
def test_and_on_how_often_speech_is_heard_again(set_to: int, counts: int) -> None:
    assert Settings(transcript_retries=set_to).transcript_retries_of(2) == counts
