"""The tokenizer of a checkpoint with random weights, whose vocabulary has no words. Needs no library."""

from __future__ import annotations

from translate_svc.models.text_rules import NO_RULES

LANGUAGE = "eng"
FIRST_LANGUAGE_ID = 256_001
SPECIAL_IDS = 4


class NumberTokenizer:
    """The engine's view of a vocabulary without words: every token is written as its number."""

    eos_token_id = 3
    text_rules = NO_RULES

    def id_to_piece(self, token_id: int) -> str:
        """The id in digits, after a space."""
        return f"\u2581{token_id}"

    def is_special(self, token_id: int) -> bool:
        """Control symbols and languages."""
        return token_id < SPECIAL_IDS or token_id >= FIRST_LANGUAGE_ID

    def prompt(self, target_language: str, source_language: str | None = None) -> tuple[int, ...]:
        """``</s>`` and the only language."""
        return self.eos_token_id, {LANGUAGE: FIRST_LANGUAGE_ID}[target_language]

    def source_tokens(self, text: str, language: str) -> tuple[int, ...]:
        """The language, the numbers that the text is made of, ``</s>``."""
        return (*self.prompt(language)[1:], *map(int, text.split()), self.eos_token_id)
