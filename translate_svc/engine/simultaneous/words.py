"""Finds where words and sentences of a text begin, from its SentencePiece pieces alone."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from translate_svc import languages
from translate_svc.engine.text.pieces import SPACE, piece_bytes
from translate_svc.models.tokenizer import Tokenizer
from translate_svc.scripts import UNSPACED_SCRIPTS

_WITHIN_WORDS = "'\u2019-\u2010"
"""Apostrophes and hyphens. The letters after them usually belong to the same word."""

_SENTENCE_ENDS = ".?!\u2026\u3002\uff1f\uff01\u0964\u06d4\u061f\u1362\u17d4\u104b"


def is_spaced(language: str) -> bool:
    """Whether a language (a Seamless code) writes spaces between words. True for an unknown language.

    Korean is one of them, although it has Chinese characters beside its own script.
    """
    known = languages.packaged().find(language)
    return known is None or not known.scripts or not UNSPACED_SCRIPTS.issuperset(known.scripts)


def is_punctuation(piece: str) -> bool:
    """Whether a piece has characters, and all of them are punctuation."""
    text = piece.replace(SPACE, "")
    return bool(text) and all(unicodedata.category(character)[0] == "P" for character in text)


def has_letters(piece: str) -> bool:
    """Whether a piece has a letter or a digit, or is a byte of one."""
    return piece_bytes(piece) is not None or any(character.isalnum() for character in piece)


def starts_word(pieces: Sequence[str], index: int, *, spaced: bool) -> bool:
    """Whether a word begins with piece ``index``. The text before it then ends with a whole word.

    Closing punctuation belongs to the word before it. In a language without spaces (``spaced`` is False)
    every piece is a word, except for the later bytes of a character and for marks on the letter before.
    """
    piece, known = pieces[index], piece_bytes(pieces[index])
    if index == 0 or piece.startswith(SPACE):
        return True
    if spaced or (known is not None and _is_later_byte(known[0])):
        return False
    return known is not None or not piece or unicodedata.category(piece[0])[0] != "M"


def word_spans(pieces: Sequence[str], *, spaced: bool) -> list[tuple[int, int]]:
    """The first piece of each word, and the end of the word."""
    starts = [index for index in range(len(pieces)) if starts_word(pieces, index, spaced=spaced)]
    return list(zip(starts, [*starts, len(pieces)][1:], strict=True))


def continues_word(piece: str) -> bool:
    """Whether a piece lengthens the word before it, in a language with spaces.

    Apostrophes and hyphens lengthen it. Closing punctuation and special tokens, which have no text, do not.
    """
    if not piece or piece.startswith(SPACE):
        return False
    return not is_punctuation(piece) or piece[0] in _WITHIN_WORDS


def continuation_tokens(tokenizer: Tokenizer, vocabulary_size: int) -> list[int]:
    """The tokens that lengthen the word before them: those of ``CONTINUATION_MASK``."""
    return [each for each in range(vocabulary_size) if continues_word(tokenizer.id_to_piece(each))]


def starts_sentence(pieces: Sequence[str], index: int, *, spaced: bool) -> bool:
    """Whether piece ``index`` begins a word after punctuation that ends a sentence, or begins the text."""
    if index == 0:
        return True
    closing = is_punctuation(pieces[index]) and not pieces[index].startswith(SPACE)
    begins = starts_word(pieces, index, spaced=spaced) and not closing
    return begins and pieces[index - 1][-1:] in tuple(_SENTENCE_ENDS)


def closes_sentence(pieces: Sequence[str]) -> bool:
    """Whether a text ends with the punctuation that closes a sentence."""
    return bool(pieces) and pieces[-1][-1:] in tuple(_SENTENCE_ENDS)


def begun_tokens(pieces: Sequence[str], first: int, min_words: int, *, spaced: bool) -> int:
    """Number of tokens at the end of a text that are the first words of a sentence, fewer than ``min_words``.

    0 if there are more, if they are the whole sentence, or if it begins before token ``first``.
    """
    for start in range(len(pieces) - 1, first - 1, -1):
        if starts_sentence(pieces, start, spaced=spaced):
            words = sum(starts_word(pieces, each, spaced=spaced) for each in range(start, len(pieces)))
            return 0 if closes_sentence(pieces) or words >= min_words else len(pieces) - start
    return 0


def ends_in_whole_character(pieces: Sequence[str]) -> bool:
    """Whether the last character has all its bytes."""
    last = b""
    for piece in reversed(pieces):
        known = piece_bytes(piece)
        if known is None:
            break
        last = known + last
    try:
        last.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def character_count(pieces: Sequence[str]) -> int:
    """Number of characters in a text, without spaces. Of a character in byte pieces only the first counts."""
    return sum(
        len(piece.replace(SPACE, ""))
        if known is None
        else sum(byte != 0x20 and not _is_later_byte(byte) for byte in known)
        for piece, known in zip(pieces, map(piece_bytes, pieces), strict=True)
    )


def _is_later_byte(byte: int) -> bool:
    """Whether a character of UTF-8 goes on with ``byte``."""
    return 0x80 <= byte < 0xC0
