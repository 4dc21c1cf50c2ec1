"""Sentence patterns in every language with their slots, read from data/templates/."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from training.starter.grammar.data_files import mapping
from training.starter.grammar.inflection import Inflector
from training.starter.grammar.lexicon import Lexicon, Slot
from training.starter.grammar.model import LANGUAGES, Entry, GrammarError, Language, Part, Sentence
from training.starter.grammar.rendering import Bindings, Pattern

_KEYS = {*LANGUAGES, "slots", "part", "weight", "said_in"}
_NAMED_PARTS: tuple[Part, ...] = ("template", "stock")
_HELD_OUT_ONE_IN = 10
_HELD_OUT_MIN_COMBINATIONS = 12
_MIN_WEIGHT = 3.0
_WEIGHT_EXPONENT = 0.25
_STOCK_EMPHASIS = 0.3
"""So that a fifth of what is drawn for training are stock phrases, of which each is a template."""


@dataclass(frozen=True, slots=True, eq=False)
class Template:
    """`named_part`: the part of all its sentences, where it is not for the grammar to say. Training sees none
    of "template", and all of "stock". `emphasis` multiplies how often it is drawn. `said_in`: as a
    sentence's.
    """

    name: str
    patterns: Mapping[Language, Pattern]
    slots: Mapping[str, Slot]
    named_part: Part | None = None
    emphasis: float = 1.0
    said_in: tuple[Language, ...] = LANGUAGES

    @property
    def held_out(self) -> bool:
        return self.named_part == "template"

    @property
    def combinations(self) -> int:
        """How many ways there are to fill the slots, the few with one entry twice included."""
        return math.prod(slot.size for slot in self.slots.values())

    @property
    def has_held_out_combinations(self) -> bool:
        return self.named_part is None and self.combinations >= _HELD_OUT_MIN_COMBINATIONS

    @property
    def weight(self) -> float:
        """Grows slowly with the number of sentences, so that small templates are heard often enough."""
        return self.emphasis * max(_MIN_WEIGHT, math.pow(self.combinations, _WEIGHT_EXPONENT))

    def bind(self, fractions: Sequence[float]) -> Bindings | None:
        """Fills the slots by one number from 0 to 1 each. None if two of them would hold the same entry."""
        entries = [
            slot.pick(fraction) for slot, fraction in zip(self.slots.values(), fractions, strict=False)
        ]
        return self._distinct(entries)

    def rebind(self, kept: Bindings, fractions: Mapping[str, float]) -> Bindings | None:
        """Fills the slots that `fractions` names by one number from 0 to 1 each, the others by `kept`."""
        entries = [
            slot.pick(fractions[name]) if name in fractions else kept[name]
            for name, slot in self.slots.items()
        ]
        return self._distinct(entries)

    def all_bindings(self) -> Iterator[Bindings]:
        for entries in itertools.product(*(slot.choices() for slot in self.slots.values())):
            if (bindings := self._distinct(entries)) is not None:
                yield bindings

    def _distinct(self, entries: Sequence[Entry]) -> Bindings | None:
        said = [entry for entry in entries if entry.key]
        if len(said) > 1 and len(set(said)) < len(said):
            return None
        return dict(zip(self.slots, entries, strict=True))

    def part(self, english: str) -> Part:
        """Of the sentence with this English text: the same for every seed and machine."""
        if self.named_part is not None:
            return self.named_part
        if not self.has_held_out_combinations:
            return "train"
        digest = hashlib.blake2b(english.encode(), digest_size=8).digest()
        return "train" if int.from_bytes(digest, "big") % _HELD_OUT_ONE_IN else "combination"

    def sentence(self, bindings: Bindings, part: Part | None = None) -> Sentence | None:
        """In all languages; None if it does not belong to the part asked for. Stock phrases belong to
        training too. Raises GrammarError."""
        english = self.patterns["eng"].sentence(bindings)
        own_part = self.part(english)
        if part is not None and part != own_part and (part, own_part) != ("train", "stock"):
            return None
        text = {language: self.patterns[language].sentence(bindings) for language in LANGUAGES[1:]}
        return Sentence(self.name, {"eng": english, **text}, own_part, self.said_in)


def build_template(
    name: str, item: Any, lexicon: Lexicon, inflectors: Mapping[Language, Inflector], where: str
) -> Template:
    """Raises GrammarError for a missing language, an unknown key, class, slot or lemma."""
    item = mapping(item, where)
    if not set(LANGUAGES) <= item.keys() <= _KEYS:
        raise GrammarError(
            f"{where}: needs {', '.join(LANGUAGES)}; may have slots, part, weight, said_in; has {list(item)}"
        )
    part = item.get("part")
    if part not in (None, *_NAMED_PARTS):
        raise GrammarError(f"{where}: part is one of {', '.join(_NAMED_PARTS)}, not {part!r}")
    said_in = tuple(language for language in LANGUAGES if language in item.get("said_in", LANGUAGES))
    if len(said_in) != len(item.get("said_in", LANGUAGES)) or not said_in:
        raise GrammarError(f"{where}: said_in names some of {', '.join(LANGUAGES)}, not {item['said_in']!r}")
    specs = mapping(item.get("slots", {}), where)
    slots = {str(slot): lexicon.slot(spec, where) for slot, spec in specs.items()}
    patterns = {
        language: Pattern(item[language], inflectors[language], slots.keys(), f"{where}: {language}")
        for language in LANGUAGES
    }
    emphasis = float(item.get("weight", 1.0)) * (_STOCK_EMPHASIS if part == "stock" else 1.0)
    return Template(name, patterns, slots, part, emphasis, said_in)
