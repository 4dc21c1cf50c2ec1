"""Incremental detokenization: token ids to text, append-only."""

from __future__ import annotations

import codecs
import re

from translate_svc.errors import EngineError
from translate_svc.models.tokenizer import Tokenizer

_SPACE = "\u2581"  # SentencePiece writes a space as this character
_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class Detokenizer:
    """The text of one sequence. The deltas of ``push`` and ``finish`` concatenate to the whole text.

    Leading spaces are dropped (SentencePiece's dummy prefix), unless the text continues another one.
    Byte pieces are held back until they complete a UTF-8 character. Bytes that can never complete one become
    U+FFFD.
    """

    def __init__(self, tokenizer: Tokenizer, *, goes_on: bool = False) -> None:
        """``goes_on``: the text is the end of a longer one, whose beginning was delivered before."""
        self._tokenizer = tokenizer
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._deltas: list[str] = []
        self._started = goes_on

    @property
    def text(self) -> str:
        """The final text so far."""
        return "".join(self._deltas)

    def push(self, token_id: int) -> str:
        """Adds the next token and returns the text that it completes, possibly empty.

        Raises:
            EngineError: the tokenizer failed on this token.
        """
        try:
            piece = "" if self._tokenizer.is_special(token_id) else self._tokenizer.id_to_piece(token_id)
        except Exception as error:  # any error fails this text alone
            raise EngineError(f"detokenize: token {token_id} ({type(error).__name__})") from error
        if not piece:
            return ""
        byte = _BYTE_PIECE.fullmatch(piece)
        if byte is not None:
            return self._append(self._utf8.decode(bytes.fromhex(byte[1])))
        return self._append(self._flush() + piece.replace(_SPACE, " "))

    def finish(self) -> str:
        """Ends the text and returns the last delta."""
        return self._append(self._flush())

    def _flush(self) -> str:
        held_back = self._utf8.decode(b"", final=True)
        self._utf8.reset()
        return held_back

    def _append(self, delta: str) -> str:
        if not self._started:
            delta = delta.lstrip(" ")
            self._started = bool(delta)
        if delta:
            self._deltas.append(delta)
        return delta
