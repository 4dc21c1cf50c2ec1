"""Texts in capitals, as old subtitles and hasty people write them."""

from __future__ import annotations

import re

_LEAST_LETTERS = 5
"""A single word of fewer capitals may be an acronym."""

_DOTLESS_I = frozenset({"tur", "azj"})
"""Languages whose I is the capital of a letter without a dot."""

_SENTENCE_START = re.compile(r"(?:^|[.!?\u2026]\s)\W*\w")


def without_capitals(text: str, language: str) -> str:
    """A sentence that is written in capitals, as sentences are written; any other one as it is.

    Models know few words in capitals, and take them for names, or for anything. The names in it lose their
    capitals too, and so do the nouns of German: nothing tells them here.

    Args:
        text: a sentence or two.
        language: a Seamless code.
    """
    words = re.findall(r"[^\W\d_]+", text)
    if not text.isupper() or (len(words) < 2 and len("".join(words)) < _LEAST_LETTERS):
        return text
    capitals = text.replace("I", "\u0131") if language in _DOTLESS_I else text
    letters = list(capitals.replace("\u0130", "i").lower())  # no other letter becomes two
    for found in _SENTENCE_START.finditer(text):
        letters[found.end() - 1] = text[found.end() - 1]
    return "".join(letters)
