"""How much of a translation is settled when a part of its sentence has been heard.

A word of the translation is settled by the first k words of a sentence when every sentence of the grammar
that begins with these k words has it there too: the grammar knows where two translations part. Sentences that
continue otherwise are drawn rather than listed, for there are millions: the sentence with other words in its
slots, and the templates that begin alike with the same words in theirs.

A target word also waits for its share of the source words, so that a translation never runs ahead of what was
said, even where the phrasebook leaves no choice.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import takewhile

import numpy as np

from training.starter.grammar import LANGUAGES, BoundSentence, Grammar, Language, Sentence
from training.starter.grammar.check import draw, spoken
from training.starter.grammar.model import Entry
from training.starter.grammar.templates import Template

_INDEXED_PER_TEMPLATE = 100
_INDEXED_WORDS = 3
_SWAPS_PER_SLOT = 6
_REFILLS = 6
_TEMPLATES_BY_WORDS = {1: 10, 2: 12, 3: 40}
_DRAWS_PER_TEMPLATE = 4
_KEPT_SHARE = 0.75


@dataclass(frozen=True, slots=True)
class SettledCounts:
    """`words[k]`: how many words of the translation are settled when k words of the source have been heard
    and more may follow. They never fall, and `words[0]` is 0.
    """

    words: tuple[int, ...]

    def first_source_word(self, target_word: int) -> int:
        """Index of the source word that settles `target_word`; the last where only the end does."""
        last = len(self.words) - 2
        settling = (k - 1 for k, count in enumerate(self.words) if count > target_word)
        return min(next(settling, last), last)


@lru_cache(maxsize=50_000)
def _heard(word: str) -> str:
    return spoken(word)


def heard_words(text: str) -> list[str]:
    """The words of a text as they sound, one for each of `text.split()`."""
    return [_heard(word) for word in text.split()]


def settled_counts(
    source: str, target: str, others: Iterable[tuple[int, str]], *, transcribes: bool = False
) -> SettledCounts:
    """Of a sentence and its translation, given `others`: how many first words a sentence shares with this
    one as they sound, and its translation.

    A transcript (`transcribes`) never runs ahead of the words that were heard.
    """
    words, heard = target.split(), len(source.split())
    counts = [k if transcribes else math.ceil(len(words) * k / heard) for k in range(heard + 1)]
    for shared, other in others:
        agreed = _common(words, other.split())
        for k in range(1, shared + 1):
            counts[k] = min(counts[k], agreed)
    return SettledCounts(tuple(counts))


def _common(first: Sequence[str], second: Sequence[str]) -> int:
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False)))


class Continuations:
    """Draws sentences of a grammar that begin as a given one does. Building it takes a few seconds."""

    def __init__(self, grammar: Grammar, per_template: int = _INDEXED_PER_TEMPLATE) -> None:
        rng = np.random.default_rng(0)
        self._templates: dict[tuple[Language, tuple[str, ...]], dict[Template, None]] = defaultdict(dict)
        for template in grammar.templates:
            for sentence in draw(template, per_template, rng):
                for language in LANGUAGES:
                    words = heard_words(sentence.text[language])[:_INDEXED_WORDS]
                    for count in range(1, len(words) + 1):
                        self._templates[language, tuple(words[:count])][template] = None

    def settled(
        self, bound: BoundSentence, language: Language, rng: np.random.Generator
    ) -> dict[Language, SettledCounts]:
        """For the sentence said in `language`, of its text in every language."""
        sentence = bound.sentence
        heard = heard_words(sentence.text[language])
        others = [
            (shared, other)
            for other in self.others(bound, language, rng)
            if other.text != sentence.text
            and language in other.said_in
            and (shared := _common(heard, heard_words(other.text[language])))
        ]
        return {
            target: settled_counts(
                sentence.text[language],
                sentence.text[target],
                [(shared, other.text[target]) for shared, other in others],
                transcribes=target == language,
            )
            for target in LANGUAGES
        }

    def others(
        self, bound: BoundSentence, language: Language, rng: np.random.Generator
    ) -> Iterator[Sentence]:
        """Sentences of all parts; most begin with a word or more of this one in `language`."""
        yield from _refilled(bound, rng)
        words = tuple(heard_words(bound.sentence.text[language])[:_INDEXED_WORDS])
        for count in range(1, len(words) + 1):
            alike = [each for each in self._templates[language, words[:count]] if each != bound.template]
            most = _TEMPLATES_BY_WORDS[count]
            chosen = rng.permutation(len(alike))[:most].tolist()
            for index in chosen:
                for _ in range(_DRAWS_PER_TEMPLATE if count > 1 else 1):
                    yield from _with_the_same_words(alike[index], bound, rng)


def _refilled(bound: BoundSentence, rng: np.random.Generator) -> Iterator[Sentence]:
    """The sentence with another word in one slot, slot by slot, and in several slots together."""
    template = bound.template
    open_slots = [name for name, slot in template.slots.items() if slot.size > 1]
    for name in open_slots:
        for _ in range(min(_SWAPS_PER_SLOT, template.slots[name].size)):
            yield from _sentences(template, bound, {name: float(rng.random())})
    for _ in range(_REFILLS if len(open_slots) > 1 else 0):
        yield from _sentences(
            template, bound, {name: float(rng.random()) for name in open_slots if rng.random() < 0.5}
        )


def _with_the_same_words(
    template: Template, bound: BoundSentence, rng: np.random.Generator
) -> Iterator[Sentence]:
    """A sentence of another template, with this one's words where its slots can hold them."""
    said = [entry for entry in bound.bindings.values() if entry.key]
    kept: dict[str, Entry] = {}
    for name, slot in template.slots.items():
        fitting = [entry for entry in said if entry in slot.entries and entry not in kept.values()]
        if fitting and rng.random() < _KEPT_SHARE:
            kept[name] = fitting[int(rng.integers(len(fitting)))]
    fractions = {name: float(rng.random()) for name in template.slots if name not in kept}
    bindings = template.rebind(kept, fractions)
    if bindings is not None and (sentence := template.sentence(bindings)) is not None:
        yield sentence


def _sentences(
    template: Template, bound: BoundSentence, fractions: Mapping[str, float]
) -> Iterator[Sentence]:
    bindings = template.rebind(bound.bindings, fractions)
    if bindings is not None and (sentence := template.sentence(bindings)) is not None:
        yield sentence
