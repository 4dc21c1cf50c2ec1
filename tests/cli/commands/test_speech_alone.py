"""A model that takes speech alone and writes English: what it cannot is refused before it is loaded."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.clips import DATA
from tests.whisper_checkpoints import whisper_folder

SPANISH = str(DATA / "spa_1.flac")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("translate", SPANISH, "--from", "es", "--to", "fr"),
            "--to: the model writes French (fra) only where",
        ),
        (
            ("translate", SPANISH, "--between", "es,en"),
            "--between: the model does not translate into Spanish (spa)",
        ),
        (("translate", SPANISH, "--from", "es", "--to", "en", "--terms", "terms.txt"), "--terms: needs"),
        (("translate", "text.txt", "--from", "es", "--to", "en"), "text.txt: needs a model that reads texts"),
        (("say", "Hola.", "--from", "es", "--to", "en"), "TEXT: needs a model that reads texts"),
    ],
)
def test_it_is_refused_before_the_weights_are_read(
    command: Command, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    model = tmp_path / "model"
    shutil.copytree(whisper_folder("tiny"), model)
    (model / "model.safetensors").write_bytes(b"reading this would fail")
    for name in ("terms.txt", "text.txt"):
        (tmp_path / name).write_text("hola", encoding="utf-8")
    placed = [str(tmp_path / each) if each.endswith(".txt") else each for each in arguments]
    code, output, error = command(*placed, "--model", str(model))
    assert (code, output) == (2, "")
    assert said in error
