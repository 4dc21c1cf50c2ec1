"""The journal: only whole lines count."""

from __future__ import annotations

import dataclasses
import uuid
from pathlib import Path

import pytest

from translate_svc.cli.batch.destination import open_destination
from translate_svc.cli.batch.items import BatchItem
from translate_svc.cli.batch.journal import FileResult, FileStatus, Journal
from translate_svc.cli.exit_codes import UsageError
from translate_svc.errors import Unavailable

ITEM = BatchItem("/talks/monday/talk.wav", "monday/talk")
VERSION = "10 bytes, 1; options"
DONE = FileResult(source=ITEM.source, name=ITEM.name, status=FileStatus.DONE, version=VERSION)


@pytest.fixture(params=["disk", "fsspec"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    return Journal(str(tmp_path / "out") if request.param == "disk" else f"memory://{uuid.uuid4().hex}/out")


def _publish(journal: Journal, **texts: str) -> FileResult:
    with journal.staging() as staging:
        folder = staging / "x"
        folder.mkdir()
        for name, text in texts.items():
            (folder / f"talk.{name}.srt").write_text(text)
        return dataclasses.replace(DONE, outputs=journal.publish(folder, ITEM))


def test_a_file_is_done_by_its_record_and_no_sooner(journal: Journal) -> None:
    result = _publish(journal, spa="hola", fra="salut")
    assert result.outputs == {"monday/talk.fra.srt": 5, "monday/talk.spa.srt": 4}
    assert journal.destination.read("monday/talk.spa.srt") == "hola"
    assert not journal.is_done(ITEM, VERSION)
    journal.write(result)
    assert journal.is_done(ITEM, VERSION)
    assert journal.read(ITEM) == result
    assert journal.write_results() == [result]
    assert journal.destination.read("results.jsonl") == result.to_json() + "\n"


def test_what_has_changed_is_done_again(journal: Journal) -> None:
    journal.write(_publish(journal, spa="hola"))
    assert not journal.is_done(ITEM, "11 bytes, 1; options"), "the file"
    assert not journal.is_done(ITEM, "10 bytes, 1; other options"), "the options"
    journal.destination.write("monday/talk.spa.srt", "ho")
    assert not journal.is_done(ITEM, VERSION), "an output"


@pytest.mark.parametrize("status", [FileStatus.FAILED, FileStatus.INCOMPLETE])
def test_what_is_not_whole_is_tried_again(journal: Journal, status: FileStatus) -> None:
    journal.write(dataclasses.replace(DONE, status=status, reason="is damaged"))
    assert not journal.is_done(ITEM, VERSION)


def test_torn_records_do_not_count(journal: Journal) -> None:
    whole = DONE.to_json()
    for end in range(len(whole)):
        journal.destination.write(".journal/files/monday/talk.json", whole[:end])
        assert not journal.is_done(ITEM, VERSION)
    assert journal.results() == []


def test_a_moved_file_is_the_same_but_another_one_is_refused(journal: Journal) -> None:
    journal.write(DONE)
    moved = dataclasses.replace(ITEM, source="/mnt/monday/talk.wav")
    assert journal.is_done(moved, VERSION)
    with pytest.raises(UsageError, match="--out: holds monday/talk, the translation of /talks/monday"):
        journal.is_done(moved, "999 bytes, 1; options")


def test_two_runs_do_not_share_a_folder_but_shards_do(tmp_path: Path) -> None:
    out = str(tmp_path)
    with Journal(out).staging() as staging:
        (staging / "torn.wav").touch()
        with pytest.raises(Unavailable, match="another run writes to this folder"), Journal(out).staging():
            pass
        with Journal(out, "1-2").staging() as other:
            assert other != staging
    with Journal(out).staging() as staging:
        assert list(staging.iterdir()) == []


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    torn = tmp_path / ".journal" / "parts" / "x" / "talk.spa.wav"
    torn.parent.mkdir(parents=True)
    torn.touch()
    with Journal(str(tmp_path)).staging():
        assert not torn.exists()


def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path: Path) -> None:
    """The one that was there before stays, and what could not be written leaves nothing."""
    (tmp_path / "results.jsonl").write_text("before")
    (tmp_path / ".results.jsonl.part").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as failed:
        open_destination(str(tmp_path)).write("results.jsonl", "after")
    assert failed.value.filename == str(tmp_path / "results.jsonl")
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"results.jsonl": "before"}
