"""``make release`` builds the image where Docker answers, and holds it to what it says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.image import ImageFailed, build, daemon_answers


def docker(folder: Path, monkeypatch: pytest.MonkeyPatch, **answers: str) -> Path:
    """A program in Docker's place, which notes how it is called. Returns the notes."""
    notes, program = folder / "notes", folder / "docker"
    cases = "\n".join(f"    *{word}*) echo '{answer}' ;;" for word, answer in answers.items())
    script = f'#!/bin/sh\necho "$@" >> {notes}\ncase "$*" in\n    *fail*) exit 1 ;;\n{cases}\nesac\n'
    program.write_text(script, encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return notes


def test_it_is_built_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes = docker(tmp_path, monkeypatch, version="1.2.3", entrypoint="10001")
    assert daemon_answers()
    assert build("1.2.3") == "translate-svc:1.2.3-cpu"
    _, built, *_ = notes.read_text("utf-8").splitlines()
    assert built.startswith("build --build-arg ACCELERATOR=cpu --tag translate-svc:1.2.3-cpu ")


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({"version": "1.2.2", "entrypoint": "10001"}, "says it is 1.2.2"),
        ({"version": "1.2.3", "entrypoint": "0"}, "runs as user 0"),
        ({"version": "1.2.3"}, "runs as user \\?"),
    ],
)
def test_another_image_than_it_should_be_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: dict[str, str], said: str
) -> None:
    docker(tmp_path, monkeypatch, **answers)
    with pytest.raises(ImageFailed, match=said):
        build("1.2.3")
