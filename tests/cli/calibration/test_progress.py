"""How far a calibration is, told to a log."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from translate_svc.cli.calibration.progress import CalibrationProgress


@pytest.mark.parametrize("is_terminal", [False, True], ids=["no terminal", "a dumb one"])
def test_without_a_terminal_that_draws_a_line_comes_every_half_minute(
    monkeypatch: pytest.MonkeyPatch, is_terminal: bool
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    output, now = io.StringIO(), 0.0
    console = Console(file=output, force_terminal=is_terminal)
    with CalibrationProgress(console, "labelled clips", 40, lambda: now) as progress:
        for _ in range(9):
            now += 10.0
            progress.advance()
        progress.begin("[windows]", None)
        for _ in range(3):
            now += 10.0
            progress.advance()
    lines = ["labelled clips: 3 of 40", "labelled clips: 6 of 40", "labelled clips: 9 of 40", "[windows]: 3"]
    assert [line for line in output.getvalue().splitlines() if line] == lines
