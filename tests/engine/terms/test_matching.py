"""Terms are found by words."""

from __future__ import annotations

import pytest

from translate_svc.engine.terms.matching import find_terms, words_of
from translate_svc.types import Term


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("L'avion, s'il vous plaît!", ["l", "avion", ",", "s", "il", "vous", "plaît", "!"]),
        ("check-in at 7:30, room 101b", ["check", "in", "at", "7", ":", "30", ",", "room", "101b"]),
        ("C++ is fun", ["c", "+", "+", "is", "fun"]),
        ("Straße Cafe\u0301", ["strasse", "café"]),
        ("東京タワーへ", ["東", "京", "タ", "ワ", "ー", "へ"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("  ", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    assert [word.key for word in words_of(text)] == words
    assert all(text[word.start : word.end] for word in words_of(text))


@pytest.mark.parametrize(
    ("text", "sources", "found"),
    [
        ("The BAKERY is open.", ["bakery"], ["bakery"]),
        ("The bakeries are open, at a carpark.", ["bakery", "car", "park"], []),
        ("A double room.", ["room", "double room", "double"], ["double room"]),
        ("room room", ["room"], ["room", "room"]),
        ("We check in. We check-in!", ["Check-In"], ["Check-In", "Check-In"]),
        ("私は東京に行く", ["東京"], ["東京"]),
        ("Nothing.", [], []),
    ],
)
def test_terms(text: str, sources: list[str], found: list[str]) -> None:
    terms = tuple(Term(source) for source in sources)
    assert [each.term.source for each in find_terms(words_of(text), terms)] == found


def test_one_source_may_have_a_term_for_each_language() -> None:
    terms = (Term("bakery", "tahona", "spa"), Term("bakery", "fournil", "fra"))
    assert [each.term for each in find_terms(words_of("a bakery"), terms)] == [*terms]
