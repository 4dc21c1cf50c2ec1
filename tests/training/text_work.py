"""What tests of the text stage share: a tokenizer and examples that need no synthesizer."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np

from training.starter import tokenizer
from training.starter.examples.batching import NO_TEXTS, Example
from training.starter.examples.texts import TextSource
from training.starter.grammar import LANGUAGES, Grammar


@lru_cache(maxsize=1)
def grammar() -> Grammar:
    return Grammar.load()


def make_tokenizer(folder: Path) -> tokenizer.StarterTokenizer:
    source, rng = TextSource(grammar()), np.random.default_rng(0)
    texts = [source.draw(rng, 1).texts() for _ in range(4000)]
    tokenizer.train([text for by_language in texts for text in by_language.values()], folder)
    return tokenizer.StarterTokenizer.load(folder)


def examples(frame_counts: list[int], *, seed: int = 0) -> list[Example]:
    """Normally distributed features of these lengths, with texts; the last without."""
    source, rng = TextSource(grammar()), np.random.default_rng(seed)
    made = [
        Example(
            LANGUAGES[index % len(LANGUAGES)],
            source.draw(rng, 1).texts(),
            rng.standard_normal((count, 160)).astype(np.float16),
        )
        for index, count in enumerate(frame_counts)
    ]
    return [*made[:-1], Example(made[-1].language, NO_TEXTS, made[-1].features)]
