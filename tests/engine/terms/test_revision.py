"""Where a term goes, as a table: a draft, the states that its tokens attend to, and what is proposed."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from translate_svc.engine.terms.alignment import SaidTerm, said_in_text, said_in_transcript
from translate_svc.engine.terms.revision import TOLERANCE_NATS, Draft, Revision, revise
from translate_svc.types import Term

END = 99
SPACE = "\u2581"
WORDS = {"tahona": (70, 71), "El Horno": (80,)}


def encode(words: str, glued: bool) -> tuple[int, ...]:
    return (*WORDS[words], 1000) if glued else WORDS[words]


def draft(text: str, states: list[int], **options: int) -> Draft:
    """Of pieces separated by spaces; ``states``: the one that each attends to, of six; -1 for none."""
    pieces = tuple(text.replace("_", SPACE).split())
    attention = np.zeros((len(pieces), 6), np.float32)
    for token, state in enumerate(states):
        if state >= 0:
            attention[token, state] = 1.0
    return Draft(tuple(range(len(pieces))), pieces, attention, True, **options)  # type: ignore[arg-type]


def said(*terms: tuple[str, int]) -> list[SaidTerm]:
    return [SaidTerm(Term("x", words), np.eye(6, dtype=np.float32)[state]) for words, state in terms]


def result(revision: Revision | None) -> tuple[int, list[int]] | None:
    if revision is None:
        return None
    return revision.kept, [each.token_id for each in revision.proposals]


@pytest.mark.parametrize(
    ("made", "terms", "expected"),
    [
        # the word that attends to the term is replaced, to its last piece
        (draft("_La _pana dería _abre .", [0, 1, 1, 2, 5]), [("tahona", 1)], (1, [70, 71, 3, 4, END])),
        # an article that attends to its noun leads to the noun
        (draft("_la _panadería _abre", [1, 1, 2]), [("tahona", 1)], (1, [70, 71, 2, END])),
        # what was elided stays, and nothing stands between it and the term
        (draft("_l ' avion _part", [1, 1, 1, 2]), [("tahona", 1)], (2, [70, 71, 1000, 3, END])),
        # so does what follows an apostrophe
        (draft("_my _boss ' s _car", [0, 1, 1, 1, 2]), [("tahona", 1)], (1, [70, 71, 2, 3, 4, END])),
        # a term that is there already, in these very letters
        (draft("_una _tahona _nueva", [0, 1, 2]), [("tahona", 1)], None),
        (draft("_una _Tahona _nueva", [0, 1, 2]), [("tahona", 1)], (1, [70, 71, 2, END])),
        # as often as it was said
        (draft("_tahona _y _casa", [1, 2, 3]), [("tahona", 1), ("tahona", 3)], (2, [70, 71, END])),
        # two terms in one revision, in the order of the translation; one word stands for one term
        (
            draft("_casa _y _pan _hoy", [4, 2, 1, 3]),
            [("tahona", 1), ("El Horno", 4)],
            (0, [80, 1, 70, 71, 3, END]),
        ),
        # no word attends to it: at the end, before the punctuation
        (draft("_Hoy _abre .", [0, 2, 5]), [("tahona", 1)], (2, [70, 71, 2, END])),
        (draft("_Hoy _abre .", [0, 2, 5], optional=True), [("tahona", 1)], None),
        # what was delivered stays
        (draft("_casa _y _casa", [1, 2, 1], frozen=2), [("tahona", 1)], (2, [70, 71, END])),
        (draft("_casa _y _pan", [1, 2, 3], frozen=1, optional=True), [("tahona", 1)], None),
        (draft("", []), [("tahona", 1)], (0, [70, 71, END])),
        (draft("", [], optional=True), [("tahona", 1)], None),
    ],
)
def test_revision(made: Draft, terms: list[tuple[str, int]], expected: tuple[int, list[int]] | None) -> None:
    assert result(revise(made, said(*terms), encode, END)) == expected


def test_the_term_is_given_and_the_rest_is_tolerated() -> None:
    revision = revise(draft("_la _panadería _abre", [0, 1, 2]), said(("tahona", 1)), encode, END)
    assert revision is not None
    assert [each.tolerance for each in revision.proposals] == [inf, inf, TOLERANCE_NATS, TOLERANCE_NATS]
    assert [each.draft_token for each in revision.proposals] == [None, None, 2, None]
    assert [each.state for each in revision.proposals] == [1, None, None, None]


def test_the_states_of_a_term_are_those_of_its_words() -> None:
    """A state belongs to the words that attend to it by their first tokens, each to its share."""
    attention = np.array([[0.5, 0, 0], [0.25, 1, 0], [0, 0, 1]], np.float32)
    (heard,) = said_in_transcript([f"{SPACE}a", f"{SPACE}bak", "ery"], attention, (Term("bakery"),))
    assert heard.weights.tolist() == pytest.approx([1 / 3, 1, 0])
    (read,) = said_in_text("a bakery", ["", f"{SPACE}a", f"{SPACE}bak", "ery", ""], (Term("bakery"),))
    assert read.weights.tolist() == [0, 0, 1, 1, 0]
    assert said_in_text("a shop", ["", f"{SPACE}a", ""], (Term("bakery"),)) == ()
