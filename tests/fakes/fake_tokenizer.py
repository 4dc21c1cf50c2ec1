"""A tokenizer of a few pieces, for tests that need no real vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

from translate_svc.models.text_rules import NO_RULES

PROMPT_TOKENS = 2
"""Length of ``FakeTokenizer.prompt``."""
DEFAULT_PIECES = (
    "▁one",
    "▁two",
    "s",
    "▁tres",
    "▁",
    ".",
    "<0xC3>",
    "<0xA9>",
    "<0xE2>",
    "<0x82>",
    "<0xAC>",
    "ñ",
)


class FakeTokenizer:
    """Ids: 0 ``<pad>``, 1 ``<unk>``, 2 ``<s>``, 3 ``</s>``, then the languages, then the pieces."""

    eos_token_id = 3
    text_rules = NO_RULES

    def __init__(
        self, languages: Sequence[str] = ("eng", "spa", "fra"), pieces: Sequence[str] = DEFAULT_PIECES
    ) -> None:
        self._languages = {code: 4 + index for index, code in enumerate(languages)}
        self.first_text_id = 4 + len(languages)
        self._pieces = tuple(pieces)

    @property
    def text_ids(self) -> range:
        """All ids that are text."""
        return range(self.first_text_id, self.first_text_id + len(self._pieces))

    def id_to_piece(self, token_id: int) -> str:
        """Implements ``Tokenizer.id_to_piece``. An unknown id raises, as in a damaged checkpoint."""
        return self._pieces[token_id - self.first_text_id]

    def is_special(self, token_id: int) -> bool:
        """Implements ``Tokenizer.is_special``."""
        return 0 <= token_id < self.first_text_id

    def source_tokens(self, text: str, language: str) -> tuple[int, ...]:
        """Implements ``Tokenizer.source_tokens``.

        A word is a piece or ``<unk>``; a number is the token of that id.
        """
        known = {piece: self.first_text_id + index for index, piece in enumerate(self._pieces)}
        ids = (int(word) if word.isdecimal() else known.get(f"▁{word}", 1) for word in text.split())
        return (self._languages[language], *ids, self.eos_token_id)

    def prompt(self, target_language: str, source_language: str | None = None) -> tuple[int, ...]:
        """Implements ``Tokenizer.prompt``: ``</s>`` and the target language."""
        return self.eos_token_id, self._languages[target_language]
