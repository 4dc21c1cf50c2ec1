"""Finds terms in a text: by words, not by letters, whatever their case. Pure."""

from __future__ import annotations

import functools
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from translate_svc.scripts import UNSPACED_SCRIPTS, letter_script
from translate_svc.types import Term

_SPACE = "\u2581"  # SentencePiece writes a space as this character
_JOINERS = "'\u2019\u2018\u02bc`\"\u201c\u201d\u201e\u00ab\u00bb"
"""Apostrophes and quotation marks. They and dashes only stand between words."""


@dataclass(frozen=True, slots=True)
class Word:
    """The characters ``start`` to ``end`` of a text, and ``key``, which is equal for equal words."""

    start: int
    end: int
    key: str


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A term that a text says with its words ``first`` to ``last``, that one included."""

    term: Term
    first: int
    last: int


def words_of(text: str) -> list[Word]:
    """The words of a text.

    A word is a run of letters, marks and digits; in scripts without spaces each letter with its marks is one.
    Any other sign is a word of its own ("C++"), except those that only stand between words.
    """
    spans: list[list[int]] = []
    is_open = False  # whether a letter lengthens the last word
    for index, character in enumerate(text):
        kind = unicodedata.category(character)
        is_letter = kind[0] in "LN"
        is_alone = is_letter and letter_script(character) in UNSPACED_SCRIPTS
        follows = bool(spans) and spans[-1][1] == index
        if follows and (kind[0] == "M" or (is_open and is_letter and not is_alone)):
            spans[-1][1] = index + 1
            continue
        is_open = is_letter and not is_alone
        if is_letter or not (character.isspace() or kind == "Pd" or character in _JOINERS):
            spans.append([index, index + 1])
    return [Word(start, end, _key(text[start:end])) for start, end in spans]


def _key(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def find_terms(words: Sequence[Word], terms: Sequence[Term]) -> list[Occurrence]:
    """The terms that a text says, in its order. Where several begin with one word, the longest; none overlap.

    Terms with the same source for several languages are found side by side.
    """
    known, found, index = _by_first_word(tuple(terms)), [], 0
    while index < len(words):
        step = 1
        for keys, same in known.get(words[index].key, ()):
            if tuple(word.key for word in words[index : index + len(keys)]) == keys:
                step = len(keys)
                found += [Occurrence(term, index, index + step - 1) for term in same]
                break
        index += step
    return found


@functools.lru_cache(maxsize=64)
def _by_first_word(
    terms: tuple[Term, ...],
) -> dict[str, list[tuple[tuple[str, ...], list[Term]]]]:
    by_words: dict[tuple[str, ...], list[Term]] = {}
    for term in terms:
        by_words.setdefault(tuple(word.key for word in words_of(term.source)), []).append(term)
    by_words.pop((), None)
    first: dict[str, list[tuple[tuple[str, ...], list[Term]]]] = {}
    for keys in sorted(by_words, key=len, reverse=True):
        first.setdefault(keys[0], []).append((keys, by_words[keys]))
    return first


def text_of(pieces: Sequence[str]) -> tuple[str, list[int]]:
    """The text of SentencePiece pieces, and the piece of each of its characters."""
    added = [piece.replace(_SPACE, " ") for piece in pieces]
    return "".join(added), [index for index, text in enumerate(added) for _ in text]
