"""``python -m benchmarks.gpu.first.short_texts serve ...``: ``translate-svc`` for random weights.

Two things differ. Tokens are written as numbers, since the checkpoint has no tokenizer. And random weights
never end a text: the guard of lengths stops it at 4 tokens a second of its source, as a real text would end.
All else is the server's own; its front processes are not changed at all.
"""

from __future__ import annotations

from benchmarks.throughput.number_tokenizer import NumberTokenizer
from benchmarks.throughput.utterance import TOKENS_PER_SECOND
from translate_svc.__main__ import main
from translate_svc.engine.text import guards
from translate_svc.models.registry import register
from translate_svc.models.seamless.family import SeamlessFamily

_FIRST_WORD_ID = 1_000


class WordlessTokenizer(NumberTokenizer):
    """Also takes words, as the warm-up says them: any tokens stand for them."""

    def source_tokens(self, text: str, language: str) -> tuple[int, ...]:
        """The language, a number for each word, ``</s>``."""
        numbers = range(_FIRST_WORD_ID, _FIRST_WORD_ID + len(text.split()))
        return (*self.prompt(language)[1:], *numbers, self.eos_token_id)


class WordlessFamily(SeamlessFamily):
    """With a tokenizer that needs no file."""

    def tokenizer(self) -> WordlessTokenizer:  # type: ignore[override]
        """Implements ``ModelFamily.tokenizer``."""
        return WordlessTokenizer()


if __name__ == "__main__":
    guards.TEXT_TOKENS_FLOOR, guards.TEXT_TOKENS_PER_SECOND = 0, TOKENS_PER_SECOND
    register("SeamlessM4Tv2Model", "benchmarks.gpu.first.short_texts:WordlessFamily")
    main()
