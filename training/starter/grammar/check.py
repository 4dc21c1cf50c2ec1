"""Looking for what loading cannot see: forms that do not exist, and sentences with two translations."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from training.starter.grammar.grammar import Grammar
from training.starter.grammar.model import LANGUAGES, GrammarError, Language, Sentence
from training.starter.grammar.templates import Template

_NOT_SPOKEN = re.compile(r"[^\w' ]")
_SLIPS = re.compile(r"[{}@:|]|\s{2}|\s[.,?!]|^\s|\s$|[.,?!]{2}|,\s*[.?!]")
_END = re.compile(r"[.?!]$")


def spoken(text: str) -> str:
    """What can be heard of a text: neither punctuation nor capital letters."""
    return " ".join(_NOT_SPOKEN.sub(" ", text).lower().split())


def words_of(text: str) -> list[str]:
    return re.findall(r"[\w'-]+", text.lower())


@dataclass(slots=True)
class Ambiguities:
    """Sentences that sound the same in one language and differ in another."""

    _seen: dict[tuple[Language, str], Sentence] = field(default_factory=dict)

    def add(self, sentence: Sentence) -> Iterator[str]:
        """A line for every language in which the sentence sounds like an earlier one of another meaning, or
        of another part (so that training would see what is held out)."""
        for language in sentence.said_in:
            earlier = self._seen.setdefault((language, spoken(sentence.text[language])), sentence)
            if earlier is sentence:
                continue
            names = f"{sentence.template} and {earlier.template}"
            text = sentence.text[language]
            for other in LANGUAGES:
                if sentence.text[other] != earlier.text[other]:
                    yield (
                        f"{names}: {language} {text!r} is in {other} {sentence.text[other]!r}"
                        f" and {earlier.text[other]!r}"
                    )
                    break
            else:
                if sentence.part != earlier.part:
                    yield f"{names}: {text!r} is in the parts {sentence.part} and {earlier.part}"


def draw(template: Template, count: int, rng: np.random.Generator) -> Iterator[Sentence]:
    """All sentences of a template that has no more than `count`, otherwise so many at random, in which each
    slot holds its entries about equally often (a Latin hypercube sample)."""
    if template.combinations <= count:
        found = template.all_bindings()
    else:
        strata = np.array([rng.permutation(count) for _ in template.slots]).T
        drawn = (template.bind(row) for row in ((strata + rng.random(strata.shape)) / count).tolist())
        found = (bindings for bindings in drawn if bindings is not None)
    for bindings in found:
        sentence = template.sentence(bindings)
        assert sentence is not None
        yield sentence


def violations(grammar: Grammar, *, per_template: int, seed: int = 0) -> Iterator[str]:
    """A line for every kind of violation found among that many sentences of each template."""
    rng, ambiguities = np.random.default_rng(seed), Ambiguities()
    counts: Counter[str] = Counter()
    held_out: dict[str, Template] = {}
    trained = {language: set[str]() for language in LANGUAGES}
    for template in grammar.templates:
        if template.held_out:
            held_out[template.name] = template
        try:
            for sentence in draw(template, per_template, rng):
                if sentence.part in ("train", "stock"):
                    for language in LANGUAGES:
                        trained[language].update(words_of(sentence.text[language]))
                for line in [*_slips(sentence), *ambiguities.add(sentence)]:
                    kind = line.partition(":")[0]
                    counts[kind] += 1
                    if counts[kind] == 1:
                        yield line
        except GrammarError as error:
            yield str(error)
    yield from (f"{kind}: {count - 1} more like it" for kind, count in counts.items() if count > 1)
    if not counts:
        yield from _unknown_words(held_out.values(), trained, per_template, rng)


def _slips(sentence: Sentence) -> Iterator[str]:
    """What no sentence may look like."""
    for language, text in sentence.text.items():
        if _SLIPS.search(text) or not _END.search(text) or not text.lstrip("¿¡")[:1].isupper():
            yield f"{sentence.template}: {language} {text!r} is not well formed"
        if language == "spa" and (text.count("?") != text.count("¿") or text.count("!") != text.count("¡")):
            yield f"{sentence.template}: {language} {text!r}: marks do not pair"
    if len({text.endswith("?") for text in sentence.text.values()}) > 1:
        yield f"{sentence.template}: a question in some languages only: {sentence.text['eng']!r}"


def _unknown_words(
    templates: Iterable[Template],
    trained: dict[Language, set[str]],
    per_template: int,
    rng: np.random.Generator,
) -> Iterator[str]:
    """Words of held-out templates that training never says."""
    for template in templates:
        unknown = {
            f"{language} {word}"
            for sentence in draw(template, per_template, rng)
            for language in LANGUAGES
            for word in words_of(sentence.text[language])
            if word not in trained[language]
        }
        if unknown:
            yield f"{template.name}: held out, with words unknown to training: {', '.join(sorted(unknown))}"
