"""Where a text may be broken, and what each place costs: sentences, phrases, lines.

A text is a sequence of *units*, the pieces that never break: words, or single ideographs. All lengths are in
terminal cells: an ideograph has two.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

LINE_CELLS = 42
LINES_PER_CUE = 2

_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f][\"'\u00bb\u201d\u2019)\]]*$")
_TITLES = "mr|mrs|ms|dr|st|jr|sr|sra|srta|hr|fr|prof|mme|mlle"
_NO_SENTENCE_END = re.compile(rf"(\d+|[^\W\d_]|{_TITLES})\.", re.IGNORECASE)
_PHRASE_END = re.compile(r"[,;:\u2013\u2014\u3001\uff0c\uff1b\uff1a][\"'\u00bb\u201d\u2019)\]]*$")
_DOUBT = " (?)"
"""Behind a sentence that the model is unsure of; it stays with the last word."""
_WIDE_CELLS = 2
_SHORT_WORD_CELLS = 3
_IN_A_PHRASE, _AFTER_SHORT_WORD, _ORPHAN = 1.0, 1.6, 4.0


@dataclass(frozen=True, slots=True)
class Unit:
    """A piece of text that is never broken. ``offset``: of its first character in the text."""

    text: str
    offset: int
    spaced: bool

    @property
    def ends_sentence(self) -> bool:
        """Whether a sentence ends here. Numbers, initials and titles (``Dr.``) end none."""
        return _SENTENCE_END.search(self.text) is not None and not _NO_SENTENCE_END.fullmatch(self.text)

    @property
    def break_cost(self) -> float:
        """What it costs to break after this unit: nothing after a phrase, most after ``the`` or ``de``."""
        if _PHRASE_END.search(self.text) or self.ends_sentence:
            return 0.0
        short = cell_len(self.text) <= _SHORT_WORD_CELLS and self.text[:1].isalpha()
        return _AFTER_SHORT_WORD if short else _IN_A_PHRASE


def units_of(text: str, lead_cells: int = 0) -> list[Unit]:
    """The units of ``text``. A word that is longer than a line becomes several.

    ``lead_cells``: cells of the first line of a cue that are taken already, by the name of who speaks.
    """
    units: list[Unit] = []
    room = LINE_CELLS - lead_cells
    for word in re.finditer(r"\S+", text):
        if word[0] == _DOUBT.strip() and units and cell_len(units[-1].text + _DOUBT) <= room:
            units[-1] = replace(units[-1], text=units[-1].text + _DOUBT)
            continue
        start, piece = word.start(), ""
        for character in word[0]:
            wide = cell_len(character) == _WIDE_CELLS and not _is_mark(character)
            long = cell_len(piece + character) > room
            if piece and (wide or long or _ends_wide(piece, character)):
                units.append(Unit(piece, start, spaced=start == word.start()))
                start, piece = start + len(piece), ""
            piece += character
        units.append(Unit(piece, start, spaced=start == word.start()))
    return units


def _is_mark(character: str) -> bool:
    return bool(_SENTENCE_END.search(character) or _PHRASE_END.search(character))


def _ends_wide(piece: str, following: str) -> bool:
    return cell_len(piece[-1]) == _WIDE_CELLS and not _is_mark(following)


def joined(units: Sequence[Unit]) -> str:
    """The text of consecutive units."""
    return "".join(f" {unit.text}" if unit.spaced else unit.text for unit in units).strip()


def cells_of(units: Sequence[Unit]) -> int:
    """The length of ``joined(units)``."""
    return sum(cell_len(unit.text) + unit.spaced for unit in units) - bool(units and units[0].spaced)


def sentences_of(units: Sequence[Unit]) -> list[list[Unit]]:
    """Consecutive sentences; together they are ``units``."""
    sentences: list[list[Unit]] = [[]]
    for unit in units:
        sentences[-1].append(unit)
        if unit.ends_sentence:
            sentences.append([])
    return [sentence for sentence in sentences if sentence]


def lines_of(units: Sequence[Unit], lead_cells: int = 0) -> tuple[str, ...] | None:
    """One line, or two that are balanced and break between phrases; None if two lines are too short.

    ``lead_cells``: as in ``units_of``.
    """
    if lead_cells + cells_of(units) <= LINE_CELLS:
        return (joined(units),)
    best: tuple[float, int] | None = None
    for place in range(1, len(units)):
        upper, lower = units[:place], units[place:]
        upper_cells, lower_cells = lead_cells + cells_of(upper), cells_of(lower)
        if max(upper_cells, lower_cells) > LINE_CELLS:
            continue
        cost = units[place - 1].break_cost + 3 * abs(upper_cells - lower_cells) / LINE_CELLS
        if min(len(upper), len(lower)) == 1 and len(units) > LINES_PER_CUE:
            cost += _ORPHAN
        if best is None or cost < best[0]:
            best = cost, place
    if best is None:
        return None
    return joined(units[: best[1]]), joined(units[best[1] :])


def blocks_of(sentence: Sequence[Unit], least: int, lead_cells: int = 0) -> list[list[Unit]]:
    """``sentence`` in at least ``least`` blocks (fewer if it has fewer units), each of which fits a cue.

    Blocks are of similar length and end with phrases where possible. ``lead_cells``: as in ``units_of``.
    """
    for count in range(max(1, min(least, len(sentence))), len(sentence) + 1):
        if blocks := _partition(sentence, count, lead_cells):
            return blocks
    raise AssertionError("one unit fits a line")


def _partition(units: Sequence[Unit], count: int, lead_cells: int) -> list[list[Unit]]:
    """The cheapest partition into ``count`` blocks, by dynamic programming; empty if there is none."""
    lengths = list(itertools.accumulate((cell_len(unit.text) + unit.spaced for unit in units), initial=0))
    ideal = lengths[-1] / count
    # best[end]: cost and borders of the cheapest way to make blocks of units[:end]
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}
    for block in range(count):
        following: dict[int, tuple[float, tuple[int, ...]]] = {}
        ends = [len(units)] if block == count - 1 else range(block + 1, len(units) - (count - 1 - block) + 1)
        for start, (cost, borders) in best.items():
            for end in ends:
                length = lengths[end] - lengths[start]
                if end <= start or length > LINES_PER_CUE * (LINE_CELLS + 1):
                    continue
                price = cost + 4 * ((length - ideal) / ideal) ** 2
                price += 0.0 if end == len(units) else units[end - 1].break_cost
                price += _ORPHAN if end - start == 1 < len(units) // count else 0.0
                if end not in following or price < following[end][0]:
                    if lines_of(units[start:end], lead_cells) is None:
                        continue
                    following[end] = price, (*borders, end)
        best = following
    if len(units) not in best:
        return []
    borders = (0, *best[len(units)][1])
    return [list(units[a:b]) for a, b in itertools.pairwise(borders)]
