"""Incremental detokenization: token ids to text, append-only."""

from __future__ import annotations

import codecs

from translate_svc.engine.text.pieces import SPACE, piece_bytes
from translate_svc.errors import EngineError
from translate_svc.models.tokenizer import Tokenizer


class TokenTexts(dict[int, "str | bytes"]):
    """What each token adds to a text, by its id: a string, or a byte of a character. Filled as it is asked.

    One for all texts of a tokenizer: most of them use the same tokens.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        super().__init__()
        self._tokenizer = tokenizer

    def __missing__(self, token_id: int) -> str | bytes:
        """Asks the tokenizer.

        Raises:
            EngineError: the tokenizer failed on this token.
        """
        try:
            piece = "" if self._tokenizer.is_special(token_id) else self._tokenizer.id_to_piece(token_id)
        except Exception as error:  # any error fails this text alone
            raise EngineError(f"detokenize: token {token_id} ({type(error).__name__})") from error
        known = piece_bytes(piece)
        text = self[token_id] = piece.replace(SPACE, " ") if known is None else known
        return text


class Detokenizer:
    """The text of one sequence. The deltas of ``push`` and ``finish`` concatenate to the whole text.

    Leading spaces are dropped (SentencePiece's dummy prefix), unless the text continues another one.
    Byte pieces are held back until they complete a UTF-8 character. Bytes that can never complete one become
    U+FFFD.
    """

    def __init__(self, texts: TokenTexts, *, goes_on: bool = False) -> None:
        """``goes_on``: the text is the end of a longer one, whose beginning was delivered before."""
        self._texts = texts
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._after_byte = False
        self._deltas: list[str] = []
        self._started = self._goes_on = goes_on

    @property
    def text(self) -> str:
        """The final text so far."""
        return "".join(self._deltas)

    def anew(self) -> Detokenizer:
        """One for the same text, from its beginning."""
        return Detokenizer(self._texts, goes_on=self._goes_on)

    def push(self, token_id: int) -> str:
        """Adds the next token and returns the text that it completes, possibly empty.

        Raises:
            EngineError: the tokenizer failed on this token.
        """
        text = self._texts[token_id]
        if text and self._started and not self._after_byte and isinstance(text, str):  # most tokens
            self._deltas.append(text)
            return text
        if isinstance(text, bytes):
            self._after_byte = True
            return self._append(self._utf8.decode(text))
        if text and self._after_byte:
            text = self._flush() + text
        return self._append(text) if text else ""

    def clear(self) -> None:
        """Gives up the text, of which nothing was delivered."""
        self._deltas.clear()
        self._flush()

    def finish(self) -> str:
        """Ends the text and returns the last delta."""
        return self._append(self._flush())

    def _flush(self) -> str:
        self._after_byte = False
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
