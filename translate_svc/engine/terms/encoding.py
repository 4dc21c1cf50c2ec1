"""The tokens of terms. Pure."""

from __future__ import annotations

import functools

from translate_svc.engine.simultaneous.words import is_spaced
from translate_svc.models.tokenizer import Tokenizer

_BEFORE = "'"
"""A sign that a word may follow without a space."""


@functools.lru_cache(maxsize=4096)
def term_tokens(tokenizer: Tokenizer, words: str, glued: bool, *, language: str) -> tuple[int, ...]:
    """The tokens of ``words``. ``glued``: no space stands before them, if the vocabulary can say that."""
    tokens = tokenizer.source_tokens(words, language)[1:-1]
    if not glued:
        return tokens
    after = tokenizer.source_tokens(_BEFORE + words, language)[1:-1]
    pieces = [tokenizer.id_to_piece(each) for each in after]
    for count in range(1, min(3, len(pieces))):
        if "".join(pieces[:count]).lstrip("\u2581") == _BEFORE:
            return after[count:]
    return tokens


def writable_characters(tokenizer: Tokenizer, vocabulary_size: int) -> frozenset[str]:
    """All characters that the vocabulary has as pieces. Empty if it has bytes, which write any."""
    pieces = {tokenizer.id_to_piece(each).replace("\u2581", "") for each in range(vocabulary_size)}
    return frozenset() if "<0xE2>" in pieces else frozenset(each for each in pieces if len(each) == 1)


def can_write(tokenizer: Tokenizer, words: str, language: str) -> bool:
    """Whether the vocabulary has all characters of ``words``."""
    tokens = term_tokens(tokenizer, words, not is_spaced(language), language=language)
    return bool(tokens) and not any(map(tokenizer.is_special, tokens))
