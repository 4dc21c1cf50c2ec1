"""From token ids to text, piece by piece and append-only."""

from __future__ import annotations

import codecs
import re
from typing import Protocol

from translate_svc.errors import EngineError

_SPACE = "\u2581"  # SentencePiece's mark of a space
_BYTE_PIECE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class Tokenizer(Protocol):
    """What the engine needs of a tokenizer. Must be safe to call from the engine's thread."""

    @property
    def eos_token_id(self) -> int:
        """``</s>``: starts every prompt and ends every text."""

    def id_to_piece(self, token_id: int) -> str:
        """The SentencePiece piece: ``\u2581`` for a space, ``<0xE2>`` for one byte. Ids without text give
        ``""``.
        """

    def is_special(self, token_id: int) -> bool:
        """True for ids that control the model and are never text (``</s>``, ``<pad>``, languages,
        ``<unk>``).
        """

    def source_tokens(self, text: str, language: str) -> tuple[int, ...]:
        """What the text encoder is fed: the language, the text's tokens, ``</s>``. Nothing in ``text``
        becomes a control token.

        Raises:
            KeyError: the checkpoint does not know the language.
        """

    def language_token(self, code: str) -> int:
        """The id that makes the decoder write this language (Seamless code).

        Raises:
            KeyError: the checkpoint does not know the language.
        """


class Detokenizer:
    """Text of one sequence. The deltas of ``push`` and the last one of ``finish`` concatenate to the whole
    text.

    Leading spaces are dropped (SentencePiece's dummy prefix). Byte pieces that do not yet make a whole UTF-8
    character are held back; bytes that never will become U+FFFD.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._utf8 = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._deltas: list[str] = []
        self._started = False

    @property
    def text(self) -> str:
        """All text made final so far."""
        return "".join(self._deltas)

    def push(self, token_id: int) -> str:
        """Takes the next token; gives the text it makes final, perhaps none.

        Raises:
            EngineError: the tokenizer failed on this token.
        """
        try:
            piece = "" if self._tokenizer.is_special(token_id) else self._tokenizer.id_to_piece(token_id)
        except Exception as error:  # whatever it is, it must end this text and no other
            raise EngineError(f"detokenize: token {token_id} ({type(error).__name__})") from error
        if not piece:
            return ""
        byte = _BYTE_PIECE.fullmatch(piece)
        if byte is not None:
            return self._append(self._utf8.decode(bytes.fromhex(byte[1])))
        return self._append(self._flush() + piece.replace(_SPACE, " "))

    def finish(self) -> str:
        """Ends the text; gives the last delta."""
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
