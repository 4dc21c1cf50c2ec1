"""The report of ``make simultaneous``: bars, the kept results, the page and its picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.quality.report import fill
from benchmarks.simultaneous.bars import bars
from benchmarks.simultaneous.curves import draw
from benchmarks.simultaneous.figures import (
    OFFLINE,
    CapacityFigures,
    CostFigures,
    Figures,
    PacedFigures,
    SpeechFigures,
    StageFigures,
    TextFigures,
    load,
    save,
)
from benchmarks.simultaneous.listen import SIMULTANEOUS, UTTERANCE
from benchmarks.simultaneous.monologues import VARIANTS
from benchmarks.simultaneous.report import PAGES, RESULTS, blocks
from training.starter.grammar import LANGUAGES


def text_row(mode: str, direction: tuple[str, str], **changes: float) -> TextFigures:
    row = TextFigures(
        mode, VARIANTS[0].name, *direction, bleu=96.0, yaal_ms=1400.0, lag_ms=1300.0, p90_lag_ms=2400.0,
        found=95.0, words=200, invented=1.5, lost=0, doubled=0, flicker=0, warnings=0,
    )  # fmt: skip
    return replace(row, **changes)  # type: ignore[arg-type]


def good() -> Figures:
    """Figures that meet every bar."""
    directions = [(a, b) for a in LANGUAGES for b in LANGUAGES if a != b]
    modes = (UTTERANCE.name, SIMULTANEOUS.name)
    rows = [text_row(mode, each) for mode in modes for each in directions]
    rows += [text_row(OFFLINE, each, bleu=100.0) for each in directions]
    return Figures(
        text=tuple(rows),
        paced=tuple(PacedFigures(mode, "eng", "spa", 2, 1400.0, 1500.0) for mode in modes),
        speech=tuple(
            SpeechFigures(mode, "eng", "spa", 10.1, 2400.0, 3000.0, 0.5, 0.1, 4.0, 0, 12.0, 0.5)
            for mode in modes
        ),
        cost=(CostFigures(modes[0], "text", 1.0, 100.0), CostFigures(modes[1], "text", 2.9, 100.0)),
        stages=tuple(
            StageFigures(mode, "text", stage, spent_s, 100.0 * spent_s, 100.0)
            for mode, spent_s in zip(modes, (0.5, 1.5), strict=True)
            for stage in ("encode", "decode")
        ),
        capacity=tuple(CapacityFigures(modes[1], each, 1300.0, 1500.0) for each in (1, 4, 8)),
    )


def missed(figures: Figures) -> list[str]:
    return [bar.name for bar in bars(figures) if not bar.is_met]


def test_good_figures_meet_every_bar_and_none_at_all_meet_no_bar() -> None:
    assert missed(good()) == []
    assert len(missed(Figures())) == len(bars(Figures()))


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"bleu": 94.0}, "BLEU, share of offline, each direction"),
        ({"p90_lag_ms": 2501.0}, "lag of a word, p90, each direction"),
        ({"flicker": 1}, "flicker"),
        ({"lost": 1}, "words lost or doubled at joins"),
    ],
)
def test_one_bad_direction_misses_its_bar(changes: dict[str, float], name: str) -> None:
    rows = [
        text_row(row.mode, (row.source, row.target), **changes)
        if (row.mode, row.direction) == (SIMULTANEOUS.name, "fra-deu")
        else row
        for row in good().text
    ]
    assert missed(replace(good(), text=tuple(rows))) == [name]


def test_figures_are_kept_and_drawn(tmp_path: Path) -> None:
    path = tmp_path / "simultaneous.json"
    save(good(), path)
    assert load(path) == good()
    draw(good(), path.with_suffix(".png"))
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_the_pages_show_the_kept_results() -> None:
    content = blocks(load(RESULTS))
    texts = [page.read_text(encoding="utf-8") for page in PAGES]
    for text in texts:
        assert fill(text, content) == text, "run `python -m benchmarks.simultaneous.report`"
    assert [name for name in content if f"<!-- simultaneous:{name} -->" not in "".join(texts)] == []
