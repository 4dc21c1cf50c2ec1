"""Which files the arguments of ``translate`` name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from translate_svc.cli.batch.items import batch_items
from translate_svc.cli.media.inputs import media_files
from translate_svc.errors import InvalidArgument


def test_a_directory_stands_for_its_media_files_but_not_for_dubs_of_an_earlier_run(tmp_path: Path) -> None:
    names = ("b.MP3", "a.wav", "notes.txt", "a.spa.wav", "a.draft.wav", "lonely.spa.wav", "b.spa.srt")
    for name in names:
        (tmp_path / name).touch()
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "c.wav").touch()
    found = [Path(each).name for each in media_files([str(tmp_path)])]
    assert found == ["a.draft.wav", "a.wav", "b.MP3", "lonely.spa.wav"]
    named = media_files([str(tmp_path / "a.spa.wav"), str(tmp_path), str(tmp_path / "a.wav"), "-"])
    assert [Path(each).name for each in named] == ["a.spa.wav", *found, "-"], (
        "what is named itself is taken, once"
    )


def test_a_directory_without_media_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidArgument, match="holds no audio or video file"):
        media_files([str(tmp_path)])
    with pytest.raises(InvalidArgument, match="names no audio or video file"):
        media_files([f"file://{tmp_path}"])


@pytest.mark.parametrize("files", [media_files, lambda names: batch_items(names, "out")])
def test_an_empty_name_is_not_this_directory(
    files: Callable[[list[str]], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of a script whose variable is not set."""
    (tmp_path / "a.wav").touch()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InvalidArgument, match="FILE: is empty"):
        files([""])
