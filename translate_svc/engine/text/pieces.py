"""Pieces that are bytes, not text: parts of a character, as ``Tokenizer.id_to_piece`` writes them."""

from __future__ import annotations

import re

SPACE = "\u2581"
"""SentencePiece's mark of a space."""

_BYTES = re.compile(rf"({SPACE}*)((?:<0x[0-9A-Fa-f]{{2}}>)+)")
_DIGITS = re.compile(r"<0x|>")


def piece_bytes(piece: str) -> bytes | None:
    """The bytes that a piece stands for; None for a piece of text."""
    found = _BYTES.fullmatch(piece)
    return None if found is None else b" " * len(found[1]) + bytes.fromhex(_DIGITS.sub("", found[2]))
