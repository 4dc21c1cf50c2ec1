"""How far a batch is, on a clock of the test's own."""

from __future__ import annotations

import pytest

from translate_svc.cli.batch.journal import FileResult, FileStatus
from translate_svc.cli.batch.progress import BatchProgress


def _result(audio_s: float, status: FileStatus = FileStatus.DONE) -> FileResult:
    return FileResult(source="x", name="x", status=status, audio_s=audio_s)


def test_files_hours_pace_and_time_left(capfd: pytest.CaptureFixture[str]) -> None:
    now_s = [100.0]
    progress = BatchProgress(4, lambda: now_s[0])
    assert progress.left_s is None
    with progress:
        now_s[0] += 60
        progress.add(_result(3_600))
        assert progress.line() == "1/4 files, 1.0 h, 60.0x, 0:03:00 left"
        progress.total_audio_s = 36_000
        now_s[0] += 60
        progress.add(_result(0, FileStatus.FAILED))
        assert progress.line() == "2/4 files, 1.0 of 10.0 h, 30.0x, 0:18:00 left, 1 not whole"
        now_s[0] += 1
        progress.add(_result(0))
    lines = capfd.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in lines] == [
        "translate-svc: 1/4 files",
        "translate-svc: 2/4 files",
    ]


def test_the_end_has_no_time_left() -> None:
    progress = BatchProgress(1, lambda: 0.0)
    progress.add(_result(60))
    assert progress.line() == "1/1 files, 0.0 h, 60000.0x"
