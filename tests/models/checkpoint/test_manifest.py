"""When a directory is hashed: a small one at every start, a large one once, and again when it was touched."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from translate_svc.errors import CheckpointError
from translate_svc.models.checkpoint import manifest
from translate_svc.models.checkpoint.manifest import (
    Verification,
    check_manifest,
    verification,
    verify,
    write_manifest,
)

FILES = {"config.json": b"{}", "model.safetensors": bytes(range(256)) * 40}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    lines = (f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in FILES.items())
    (tmp_path / "MANIFEST.sha256").write_text("".join(lines))
    return tmp_path


@pytest.fixture
def large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same files, where a kilobyte counts as large."""
    monkeypatch.setattr(manifest, "FULL_CHECK_BYTES", 1_000)
    return folder


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Files that were read to be hashed, the manifest aside, in order."""
    names: list[str] = []
    really = manifest._sha256

    def spy(path: Path, progress: Callable[[int], None] | None) -> str:
        if path.name != "MANIFEST.sha256":
            names.append(path.name)
        return really(path, progress)

    monkeypatch.setattr(manifest, "_sha256", spy)
    return names


def damage(folder: Path) -> None:
    """Other contents of the same size, at the same time."""
    path = folder / "model.safetensors"
    times = path.stat()
    path.write_bytes(b"!" + path.read_bytes()[1:])
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_a_small_directory_is_hashed_at_every_start_and_leaves_nothing(
    folder: Path, hashed: list[str]
) -> None:
    before = set(folder.iterdir())
    for _ in range(2):
        check_manifest(folder)
    assert hashed == [*FILES, *FILES]
    assert set(folder.iterdir()) == before
    damage(folder)
    with pytest.raises(CheckpointError, match=r"model\.safetensors: differs from its sha256"):
        check_manifest(folder)


def test_a_large_directory_is_hashed_once(large: Path, hashed: list[str]) -> None:
    assert verification(large) is Verification.NOT_YET
    assert hashed == []
    check_manifest(large)
    assert hashed == [*FILES]
    assert verification(large) is Verification.VERIFIED
    check_manifest(large)
    assert hashed == [*FILES]


def test_a_directory_that_was_just_written_is_verified(large: Path, hashed: list[str]) -> None:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in FILES.items()}
    write_manifest(large, digests)
    check_manifest(large)
    assert hashed == []
    verify(large)
    assert hashed == sorted(FILES)


def _touch(folder: Path) -> None:
    os.utime(folder / "config.json", ns=(1, 1))


def _grow(folder: Path) -> None:
    times = (folder / "config.json").stat()
    (folder / "config.json").write_bytes(b"{} ")
    os.utime(folder / "config.json", ns=(times.st_atime_ns, times.st_mtime_ns))


def _rewrite_manifest(folder: Path) -> None:
    path = folder / "MANIFEST.sha256"
    path.write_text(path.read_text() + path.read_text().splitlines()[0] + "\n")


def _tear_stamp(folder: Path) -> None:
    (folder / "VERIFIED.json").write_text("{")


def _lose_stamp(folder: Path) -> None:
    (folder / "VERIFIED.json").unlink()


@pytest.mark.parametrize(
    ("change", "refused"),
    [(_touch, False), (_grow, True), (_rewrite_manifest, False), (_tear_stamp, False), (_lose_stamp, False)],
)
def test_a_large_directory_that_was_touched_is_hashed_anew(
    large: Path, change: Callable[[Path], Any], refused: bool
) -> None:
    check_manifest(large)
    change(large)
    assert verification(large) is Verification.NOT_YET
    if refused:
        with pytest.raises(CheckpointError, match=r"config\.json: differs from its sha256"):
            check_manifest(large)
        assert verification(large) is Verification.NOT_YET
    else:
        check_manifest(large)
        assert verification(large) is Verification.VERIFIED


def test_what_no_stamp_can_see_verifying_sees(large: Path) -> None:
    check_manifest(large)
    damage(large)
    check_manifest(large)
    with pytest.raises(CheckpointError, match=r"model\.safetensors: differs from its sha256"):
        verify(large)


def test_a_directory_that_cannot_be_written_is_hashed_at_every_start(
    large: Path, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "write_text", refuse)
    for _ in range(2):
        check_manifest(large)
    assert hashed == [*FILES, *FILES]
    assert not list(large.glob(".*"))


def test_progress_counts_every_byte(folder: Path) -> None:
    seen: list[int] = []
    verify(folder, seen.append)
    assert sum(seen) == sum(len(content) for content in FILES.values())


def test_without_a_manifest_there_is_nothing_to_check_at_a_start_and_all_to_ask_for(tmp_path: Path) -> None:
    check_manifest(tmp_path)
    assert verification(tmp_path) is Verification.NO_MANIFEST
    with pytest.raises(CheckpointError, match=r"MANIFEST\.sha256: is missing"):
        verify(tmp_path)
