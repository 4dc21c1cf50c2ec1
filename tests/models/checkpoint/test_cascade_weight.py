"""``cascade.json``: read for the weights that it was computed for, else speech is translated directly."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import pytest

from tests.checkpoints import checkpoint_folder
from translate_svc.cli.cascade_trials import chosen_weight
from translate_svc.config import Settings
from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint.cascade_weight import (
    CASCADE_FILE,
    CascadeWeight,
    cascade_weight_of,
    read_cascade_weight,
    write_cascade_weight,
)
from translate_svc.models.checkpoint.manifest import verify


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint_folder("starter"), tmp_path / "model"))


def test_what_was_written_is_read_and_the_model_still_verifies(folder: Path) -> None:
    written = CascadeWeight(0.5, {"words_0": 90.5})
    write_cascade_weight(folder, written)
    assert read_cascade_weight(folder) == written
    assert cascade_weight_of(folder) == 0.5
    verify(folder)


def test_the_starter_has_a_weight() -> None:
    assert cascade_weight_of(checkpoint_folder("starter")) == 0.3


def test_without_the_file_there_is_none(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / CASCADE_FILE).unlink()
    assert read_cascade_weight(folder) is None
    assert cascade_weight_of(folder) == 0
    assert not caplog.text


@pytest.mark.parametrize("content", ["{", "[]", '{"version": 1}'])
def test_a_file_that_is_none_is_told_and_not_used(
    folder: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / CASCADE_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(CheckpointError, match="is not a calibration"):
        read_cascade_weight(folder)
    assert cascade_weight_of(folder) == 0
    assert "speech is translated directly alone" in caplog.text


@pytest.mark.parametrize("weight", [-0.1, 10.5, math.nan, "much", None])
def test_a_weight_that_is_none_is_refused(folder: Path, weight: object) -> None:
    write_cascade_weight(folder, CascadeWeight(0.5))
    content = json.loads((folder / CASCADE_FILE).read_text(encoding="utf-8"))
    (folder / CASCADE_FILE).write_text(json.dumps(content | {"weight": weight}), encoding="utf-8")
    with pytest.raises(CheckpointError, match="is not a calibration"):
        read_cascade_weight(folder)


@pytest.mark.parametrize(
    ("words", "weight"),
    [((90.0, 92.0), 0.3), ((90.0, 90.5), 0.3), ((90.0, 90.4), 0.0), ((90.0, 80.0), 0.0)],
)
def test_it_is_kept_only_if_it_brings_what_it_costs(words: tuple[float, float], weight: float) -> None:
    assert chosen_weight(words) == CascadeWeight(weight, {"words_0": words[0], "words_0.3": words[1]})


@pytest.mark.parametrize(("set_to", "counts"), [(-1.0, 0.3), (0.0, 0.0), (1.5, 1.5)])
def test_the_operator_has_the_last_word(set_to: float, counts: float) -> None:
    assert Settings(cascade_weight=set_to).cascade_weight_of(0.3) == counts
