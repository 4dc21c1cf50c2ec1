"""What stands around a sentence and is not translated: quotation marks, brackets, emphasis, pictures."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

_CLOSING = {
    '"': '"', "\u201c": "\u201d", "\u201e": "\u201c\u201d", "\u00ab": "\u00bb", "\u00bb": "\u00ab",
    "\u2039": "\u203a", "\u203a": "\u2039", "\u2018": "\u2019", "\u201a": "\u2018\u2019", "\u300c": "\u300d",
    "\u300e": "\u300f", "(": ")", "[": "]", "{": "}", "\uff08": "\uff09", "*": "*", "_": "_", "~": "~",
    "`": "`",
}  # fmt: skip
"""By the mark that opens, those that close it."""

_CLOSERS = frozenset("".join(_CLOSING.values()))
_APOSTROPHES = frozenset("'\u2018\u2019\u201a")
"""They belong to words too, so one alone is left where it is."""

_EMOTICON = re.compile(r"(?<=\s)[:;]-?[()DPp]$")
_PICTURE_PARTS = frozenset("\u200d\u20e3\ufe0e\ufe0f")
_INVISIBLE = re.compile("[\u00ad\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_ZERO_WIDTH_SPACE = "\u200b"


class Framed(NamedTuple):
    """``text`` is translated, ``before`` and ``behind`` stay as they are. Joined they are the sentence."""

    before: str
    text: str
    behind: str


def without_invisible(text: str, *, spaced: bool) -> str:
    """Without what has no shape of its own: soft hyphens, marks of the order of bytes and of the direction.

    Pages and word processors leave them within words, which no model knows then. Joiners stay: some scripts
    are spelled with them.

    Args:
        text: of one language.
        spaced: whether it is written with spaces. Where it is not, the space of no width parts words.
    """
    seen = _INVISIBLE.sub("", text)
    return seen.replace(_ZERO_WIDTH_SPACE, "") if spaced else seen


def framed(sentence: str) -> Framed:
    """Takes off what stands around a sentence that has a letter or a digit.

    A mark that has a partner is taken off only if none of its kind stands within what is left, so that
    ``"Hello," he said.`` and ``Room 5 (left)`` stay whole.
    """
    start, end = 0, len(sentence)
    while True:
        text = sentence[start:end]
        before, behind = _outermost(text)
        if not before and not behind:
            return Framed(sentence[:start], text, sentence[end:])
        start, end = start + before, end - behind


def has_words(text: str) -> bool:
    """Whether anything in it can be translated or said."""
    return any(map(str.isalnum, text))


def _outermost(text: str) -> tuple[int, int]:
    """How many characters to take off at its start and at its end."""
    if not has_words(text):
        return 0, 0
    if pictures := len(text) - len(text.lstrip(_spaces_and_pictures(text))):
        return pictures, 0
    if pictures := len(text) - len(text.rstrip(_spaces_and_pictures(text))):
        return 0, pictures
    if emoticon := _EMOTICON.search(text):
        return 0, len(text) - emoticon.start()
    return _pair(text)


def _spaces_and_pictures(text: str) -> str:
    return " \t\n\u00a0\u202f" + "".join(each for each in set(text) if _is_picture(each))


def _is_picture(character: str) -> bool:
    return (
        character in _PICTURE_PARTS
        or unicodedata.category(character) == "So"
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # tones of skin
    )


def _pair(text: str) -> tuple[int, int]:
    """How many marks with a partner to take off; the full stop behind one goes with it."""
    unstopped = text.removesuffix(".") if text[-2:-1] in _CLOSERS else text
    first, last = text[0], unstopped[-1]
    opening = len(text) - len(text.lstrip(first))
    ending = len(text) - len(unstopped.rstrip(last))
    closes = _CLOSING.get(first, "")
    if closes and last in closes and not _any_of(first + closes, text[opening:-ending]):
        return opening, ending
    if closes and first not in _APOSTROPHES and not _any_of(first + closes, text[opening:]):
        return opening, 0
    opens = "".join(mark for mark, closing in _CLOSING.items() if last in closing)
    if opens and last not in _APOSTROPHES and not _any_of(last + opens, text[:-ending]):
        return 0, ending
    return 0, 0


def _any_of(characters: str, text: str) -> bool:
    return any(each in text for each in characters)
