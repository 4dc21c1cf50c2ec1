"""What the engine needs of a tokenizer. Free of torch."""

from __future__ import annotations

from typing import Protocol

from translate_svc.models.text_rules import TextRules


class Tokenizer(Protocol):
    """The tokenizer of a family of models. It must be safe to call from the engine's thread."""

    def __hash__(self) -> int:
        """By identity: what a tokenizer gives may be kept."""

    @property
    def eos_token_id(self) -> int:
        """The id that ends every text, such as ``</s>``."""

    @property
    def text_rules(self) -> TextRules:
        """Which tokens must not be chosen."""

    def id_to_piece(self, token_id: int) -> str:
        """The SentencePiece piece, with ``\u2581`` for a space and ``<0xE2>`` for one byte.

        A piece of several bytes that are no text by themselves is spaces, if there are any, and then such
        bytes.

        Returns ``""`` for an id without text.
        """

    def is_special(self, token_id: int) -> bool:
        """Whether an id controls the model and is never text: ``</s>``, ``<pad>``, ``<unk>``, languages."""

    def source_tokens(self, text: str, language: str) -> tuple[int, ...]:
        """The input of the text encoder: the language, the text's tokens, ``</s>``.

        No part of ``text`` becomes a control token.

        Raises:
            KeyError: the checkpoint does not know the language.
        """

    def prompt(self, target_language: str, source_language: str | None) -> tuple[int, ...]:
        """The tokens that every text begins with, at least one. They depend on the languages alone.

        Args:
            target_language: a Seamless code.
            source_language: as ``target_language``; None if it is not known.

        Raises:
            KeyError: the checkpoint does not know a language.
        """
