"""A file that an operator replaces while the server runs, and that cannot be used for a moment."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from translate_svc.access.watched_file import WatchedFile
from translate_svc.errors import InvalidArgument


def watched(path: Path, *, removal_empties: bool = False) -> WatchedFile[str]:
    return WatchedFile(path, lambda text: text, field="callers", removal_empties=removal_empties)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "file"
    made.write_text("old")
    return made


def test_a_file_that_could_not_be_read_counts_as_soon_as_it_can(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Its owner or its permissions were wrong. To mend them changes neither its date nor its size."""
    file = watched(path)
    path.write_text("newer")

    def denied(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as permissions:
        permissions.setattr(Path, "read_text", denied)
        assert [file.value, file.value] == ["old", "old"]
    assert file.value == "newer"
    assert _errors(caplog) == [
        "callers: cannot be read: Permission denied; what was read before stays in force"
    ]


@pytest.mark.parametrize("removal_empties", [False, True])
def test_a_file_that_cannot_be_reached_is_not_a_file_that_was_removed(
    path: Path, caplog: pytest.LogCaptureFixture, removal_empties: bool
) -> None:
    file = watched(path, removal_empties=removal_empties)
    kept = path.rename(path.with_suffix(".kept"))
    path.symlink_to(path)  # the system says ELOOP, to root too; for a folder without permission it is EACCES
    assert [file.value, file.value] == ["old", "old"]
    assert len(_errors(caplog)) == 1
    kept.replace(path)
    assert file.value == "old"


@pytest.mark.parametrize("emptied", ["", "\n"])
def test_a_file_that_is_being_written_says_nothing_yet(
    path: Path, caplog: pytest.LogCaptureFixture, emptied: str
) -> None:
    """To take an empty file of callers at its word would let in who is revoked."""
    file = watched(path)
    path.write_text(emptied)
    assert file.value == "old"
    assert _errors(caplog) == ["callers: is empty; what was read before stays in force"]
    path.write_text("newer")
    assert file.value == "newer"


def test_a_file_may_hold_nothing_when_the_server_starts(path: Path) -> None:
    path.write_text("")
    assert watched(path).value == ""


def test_who_is_shut_out_by_a_file_without_content_is_told_why(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = watched(path, removal_empties=True)
    path.write_text("")
    assert file.value == ""
    (said,) = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert said == "callers: the file is empty or was removed: nothing that it held counts"


def test_a_mistake_in_a_file_that_was_emptied_is_not_told_to_leave_the_old_content_in_force(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As of an empty file that is filled slowly, or with a wrong line."""

    def parse(text: str) -> str:
        if text == "half":
            raise InvalidArgument("line 1 is wrong", field="api_keys")
        return text

    file = WatchedFile(path, parse, field="api_keys", removal_empties=True)
    path.write_text("")
    assert file.value == ""
    path.write_text("half")
    assert file.value == ""
    assert _errors(caplog) == ["api_keys: line 1 is wrong; the file was empty before, so nothing counts"]
    path.write_text("whole")
    assert file.value == "whole"
    path.write_text("half")
    assert file.value == "whole"
    assert _errors(caplog)[1] == "api_keys: line 1 is wrong; what was read before stays in force"


def test_a_mistake_at_the_start_is_the_callers(path: Path) -> None:
    path.unlink()
    with pytest.raises(InvalidArgument, match="callers: cannot be read: No such file"):
        watched(path)


def _errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
