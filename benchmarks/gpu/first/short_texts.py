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


class NumberedFamily(SeamlessFamily):
    """With a tokenizer that needs no file."""

    def tokenizer(self) -> NumberTokenizer:  # type: ignore[override]
        """Implements ``ModelFamily.tokenizer``."""
        return NumberTokenizer()


if __name__ == "__main__":
    guards.TEXT_TOKENS_FLOOR, guards.TEXT_TOKENS_PER_SECOND = 0, TOKENS_PER_SECOND
    register("SeamlessM4Tv2Model", "benchmarks.gpu.first.short_texts:NumberedFamily")
    main()
