"""Where texts are broken: at sentences, then phrases; lines are balanced, and none is one word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from translate_svc.subtitles.line_breaks import (
    LINE_CELLS,
    blocks_of,
    cells_of,
    joined,
    lines_of,
    sentences_of,
    units_of,
)

TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=200)


@given(TEXTS)
def test_units_hold_all_of_the_text_and_each_fits_a_line(text: str) -> None:
    units = units_of(text)
    assert joined(units) == " ".join(text.split())
    assert cells_of(units) == cell_len(joined(units))
    assert all(cell_len(unit.text) <= LINE_CELLS for unit in units)
    assert all(text[unit.offset : unit.offset + len(unit.text)] == unit.text for unit in units)


@given(TEXTS, st.integers(1, 6))
def test_blocks_hold_all_of_the_text_and_each_fits_a_cue(text: str, least: int) -> None:
    units = units_of(text)
    if not units:
        return
    blocks = blocks_of(units, least)
    assert [unit for block in blocks for unit in block] == units
    assert len(blocks) >= min(least, len(units))
    for block in blocks:
        lines = lines_of(block)
        assert lines is not None
        assert "".join(lines).replace(" ", "") == joined(block).replace(" ", "")
        assert all(cell_len(line) <= LINE_CELLS for line in lines)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Good morning. How are you?", ["Good morning.", "How are you?"]),
        ("Dr. Meier kommt am 3. Mai um 4.5 Uhr. Gut!", ["Dr. Meier kommt am 3. Mai um 4.5 Uhr.", "Gut!"]),
        ("He said: \u201cNo.\u201d Then he left.", ["He said: \u201cNo.\u201d", "Then he left."]),
        ("\u4f60\u597d\u3002\u518d\u89c1\u3002", ["\u4f60\u597d\u3002", "\u518d\u89c1\u3002"]),
        ("\u00bfQu\u00e9 hora es? Son las dos\u2026", ["\u00bfQu\u00e9 hora es?", "Son las dos\u2026"]),
        ("no end", ["no end"]),
    ],
)
def test_sentences(text: str, sentences: list[str]) -> None:
    assert [joined(sentence) for sentence in sentences_of(units_of(text))] == sentences


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("El tren a Barcelona sale a las seis.", ("El tren a Barcelona sale a las seis.",)),
        (
            "El tren a Barcelona sale a las seis y cuarto.",
            ("El tren a Barcelona sale", "a las seis y cuarto."),
        ),
        (
            "If it rains tomorrow, we shall stay at home all day.",
            ("If it rains tomorrow,", "we shall stay at home all day."),
        ),
        (
            "The children are playing in the garden of the house.",
            ("The children are playing", "in the garden of the house."),
        ),
        # the mark of a doubtful sentence is behind it, whatever the line below says
        (
            "\u00bfD\u00f3nde est\u00e1 la estaci\u00f3n? (?) No entiendo nada de nada.",
            ("\u00bfD\u00f3nde est\u00e1 la estaci\u00f3n? (?)", "No entiendo nada de nada."),
        ),
        ("\u6211" * 30, ("\u6211" * 15, "\u6211" * 15)),
    ],
)
def test_lines_are_balanced_and_break_between_phrases(text: str, lines: tuple[str, ...]) -> None:
    assert lines_of(units_of(text)) == lines


def test_what_does_not_fit_two_lines_is_no_cue() -> None:
    assert lines_of(units_of("word " * 40)) is None


def test_a_long_sentence_breaks_at_its_commas() -> None:
    text = (
        "When the train from the north arrives at the station, we go to the platform with all of our "
        "luggage, and my brother, who knows the city, shows us the way to the hotel."
    )
    blocks = [joined(block) for block in blocks_of(units_of(text), 1)]
    assert len(blocks) in (2, 3)
    assert all(block.endswith((",", ".")) for block in blocks)
