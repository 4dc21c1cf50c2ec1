"""README is short, and its number is the measured one."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

from benchmarks.simultaneous.bars import shares
from benchmarks.simultaneous.figures import load
from benchmarks.simultaneous.listen import SIMULTANEOUS
from benchmarks.simultaneous.monologues import VARIANTS
from benchmarks.simultaneous.report import RESULTS

README = (Path(__file__).resolve().parents[2] / "README.md").read_text("utf-8")
MAX_LINES = 160


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= MAX_LINES


def test_its_number_is_the_measured_one() -> None:
    figures = load(RESULTS)
    rows = [row for row in figures.text if (row.variant, row.mode) == (VARIANTS[0].name, SIMULTANEOUS.name)]
    assert len(rows) == 12
    said = " ".join(README.split())
    assert f"runs {mean(row.yaal_ms for row in rows) / 1000:.1f} s behind the speaker" in said
    assert f"at {mean(shares(figures, rows)):.0f} % of the quality that whole sentences get" in said
