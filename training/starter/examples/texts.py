"""Texts drawn from the grammar: what is said, what is typed, and what it is in every language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np

from training.starter.examples.batching import DIRECTIONS, TextPair
from training.starter.examples.continuous import ContinuousSource
from training.starter.grammar import LANGUAGES, Grammar, Language, Part, Sentence

SENTENCE_COUNT_SHARES: Mapping[int, float] = {1: 0.6, 2: 0.22, 3: 0.12, 4: 0.06}

_STOCK_PAIR_SHARE, _CARELESS_SHARE = 0.5, 0.2

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Text:
    """One to four sentences said one after another."""

    sentences: tuple[Sentence, ...]

    def text(self, language: Language) -> str:
        return " ".join(sentence.text[language] for sentence in self.sentences)

    def texts(self) -> dict[Language, str]:
        return {language: self.text(language) for language in LANGUAGES}


class TextSource:
    """Draws texts from one part of the grammar."""

    def __init__(self, grammar: Grammar, part: Part = "train") -> None:
        self._grammar = grammar
        self._sampler = grammar.sampler(part)
        self.part = part

    @cached_property
    def continuous(self) -> ContinuousSource:
        """Of the same part; made when it is first wanted, which takes seconds."""
        return ContinuousSource(self._grammar, self.part)

    @cached_property
    def stock(self) -> TextSource:
        """Of stock phrases alone."""
        return TextSource(self._grammar, "stock")

    def draw(
        self, rng: np.random.Generator, sentence_count: int | None = None, language: Language | None = None
    ) -> Text:
        """A text of `sentence_count` sentences, or of one to four in SENTENCE_COUNT_SHARES, to be said in
        `language`, or in any."""
        count = sentence_count or draw_key(SENTENCE_COUNT_SHARES, rng)
        return Text(tuple(self._sampler.draw(rng, language) for _ in range(count)))

    def draw_pair(self, rng: np.random.Generator, sentence_count: int | None = None) -> TextPair:
        """A text and its translation in a random direction, all twelve equally often."""
        source, target = DIRECTIONS[int(rng.integers(len(DIRECTIONS)))]
        text = self.draw(rng, sentence_count, source)
        return TextPair(source, target, text.text(source), text.text(target))

    def draw_typed(self, rng: np.random.Generator, sentence_count: int) -> TextPair:
        """As `draw_pair`, as people type: many a stock phrase, and now and then without capitals or marks, or
        with an exclamation mark, which the tokenizer does not know and the grammar does without."""
        stock = self.part == "train" and rng.random() < _STOCK_PAIR_SHARE
        pair = (self.stock if stock else self).draw_pair(rng, sentence_count)
        if rng.random() >= _CARELESS_SHARE:
            return pair
        bare = pair.source_text.rstrip(".")
        ways = (bare, bare.lower().strip("¿?"), f"{bare}!" if bare[-1] != "?" else bare)
        return replace(pair, source_text=ways[int(rng.integers(len(ways)))])


def draw_key(shares: Mapping[Key, float], rng: np.random.Generator) -> Key:
    """One of the keys, each as often as its share of 1 says."""
    return list(shares)[int(rng.choice(len(shares), p=list(shares.values())))]
