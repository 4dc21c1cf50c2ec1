"""Sentence pairs of the starter's domain, expanded from the data files in grammar/.

`lexicon.yaml` holds words with their features, `agreement.yaml` the words whose form follows another word,
`templates.yaml` sentence patterns in both languages. Each file's head explains its notation. Every source
sentence has exactly one translation, in both directions; `Grammar.load` refuses data that breaks this.

The part a pair belongs to is decided by a hash of its template and words, so it is the same for every seed
and machine: one combination of words in ten is held out of training, of every template with enough of them.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

Language = Literal["eng", "spa"]
LANGUAGES: tuple[Language, Language] = ("eng", "spa")
DATA_FOLDER = Path(__file__).parent / "grammar"

_FILE_KEYS: dict[Language, str] = {"eng": "en", "spa": "es"}
_HELD_OUT_ONE_IN = 10
_HELD_OUT_MIN_COMBINATIONS = 12
_BRACES = re.compile(r"\{([^{}]+)\}")
_MAX_NESTING = 4
_VOWEL_SOUND = re.compile(r"\b([Aa]) (?=[aeiou](?!uro\b))")


class GrammarError(ValueError):
    """A data file breaks a rule; the message names the template or entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One meaning: its text in each language and the features others agree with."""

    text: Mapping[Language, str]
    plural: Mapping[Language, str]
    gender: str = "m"
    number: str = "s"
    person: int = 3
    tags: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        return self.text["eng"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence in both languages, the template it came from, and whether training must not see it."""

    template: str
    text: Mapping[Language, str]
    held_out: bool


@dataclass(frozen=True, slots=True)
class Template:
    name: str
    pattern: Mapping[Language, str]
    slots: Mapping[str, str]


@dataclass(slots=True)
class Grammar:
    """All sentence pairs, and a weighted draw over them."""

    lexicon: Mapping[str, Sequence[Entry]]
    agreement: Mapping[Language, Mapping[str, Mapping[str, str]]]
    adjectives: frozenset[str]
    templates: Sequence[Template]
    pairs: dict[str, list[Pair]] = field(default_factory=dict)

    @classmethod
    def load(cls, folder: Path = DATA_FOLDER) -> Grammar:
        """Reads the three data files and expands every template. Raises GrammarError."""
        lexicon_data, agreement_data, template_data = (
            yaml.safe_load((folder / name).read_text(encoding="utf-8"))
            for name in ("lexicon.yaml", "agreement.yaml", "templates.yaml")
        )
        grammar = cls(
            {name: [_entry(name, item) for item in items] for name, items in lexicon_data.items()},
            {language: agreement_data[_FILE_KEYS[language]] for language in LANGUAGES},
            frozenset(agreement_data["adjectives"]),
            [_template(name, item) for name, item in template_data.items()],
        )
        for template in grammar.templates:
            grammar.pairs[template.name] = list(grammar._expand(template))
        grammar._refuse_ambiguity()
        return grammar

    def all_pairs(self) -> Iterator[Pair]:
        return itertools.chain.from_iterable(self.pairs.values())

    def sampler(self, *, held_out: bool) -> PairSampler:
        """A draw over one part: small templates are favoured, so that each is heard often enough."""
        parts = {
            name: [pair for pair in pairs if pair.held_out == held_out] for name, pairs in self.pairs.items()
        }
        return PairSampler([part for part in parts.values() if part])

    def _expand(self, template: Template) -> Iterator[Pair]:
        combinations = [
            dict(zip(template.slots, entries, strict=True))
            for entries in itertools.product(
                *(self._entries(spec, template) for spec in template.slots.values())
            )
            if len({id(entry) for entry in entries}) == len(entries)
        ]
        may_hold_out = len(combinations) >= _HELD_OUT_MIN_COMBINATIONS
        for slots in combinations:
            text: dict[Language, str] = {
                language: _sentence(self._render(template.pattern[language], slots, language), language)
                for language in LANGUAGES
            }
            identity = "|".join([template.name, *(entry.key for entry in slots.values())])
            digest = int.from_bytes(hashlib.blake2b(identity.encode(), digest_size=8).digest(), "big")
            yield Pair(template.name, text, may_hold_out and digest % _HELD_OUT_ONE_IN == 0)

    def _entries(self, spec: str, template: Template) -> list[Entry]:
        name, _, tag = spec.partition("+")
        entries = [entry for entry in self.lexicon.get(name, ()) if not tag or tag in entry.tags]
        if not entries:
            raise GrammarError(f"templates.yaml: {template.name}: no entry for {spec!r}")
        return entries

    def _render(self, pattern: str, slots: Mapping[str, Entry], language: Language) -> str:
        """Replaces braces until none is left, since an entry or a form may bring its own."""
        for _ in range(_MAX_NESTING):
            if "{" not in pattern:
                return pattern
            pattern = _BRACES.sub(lambda match: self._form(match[1], slots, language), pattern)
        raise GrammarError(f"templates.yaml: {pattern!r} is nested too deeply")

    def _form(self, expression: str, slots: Mapping[str, Entry], language: Language) -> str:
        lemma, _, controller = expression.partition("@")
        name, _, form = lemma.partition(":")
        if (controller and controller not in slots) or (not controller and name not in slots):
            raise GrammarError(f"templates.yaml: {expression!r} names no slot")
        if not controller:
            return slots[name].plural[language] if form == "pl" else slots[name].text[language]
        entry = slots[controller]
        if lemma in slots:
            return inflect(slots[lemma].text[language], entry)
        if lemma in self.adjectives:
            return inflect(lemma, entry)
        forms = self.agreement[language].get(lemma, {})
        for key in (f"{entry.person}{entry.number}", f"{entry.gender}.{entry.number}", entry.number, "any"):
            if key in forms:
                return forms[key].replace("{}", "{" + controller + "}")
        raise GrammarError(f"agreement.yaml: {lemma!r} has no form for {entry.key!r}")

    def _refuse_ambiguity(self) -> None:
        for source, target in (LANGUAGES, LANGUAGES[::-1]):
            translations: dict[str, str] = {}
            for pair in self.all_pairs():
                known = translations.setdefault(pair.text[source], pair.text[target])
                if known != pair.text[target]:
                    raise GrammarError(
                        f"templates.yaml: {pair.template}: two translations of {pair.text[source]!r}"
                    )


@dataclass(slots=True)
class PairSampler:
    """Draws pairs: a template by weight (its size to the power 0.25, at least 3), then any pair of it."""

    parts: list[list[Pair]]

    def draw(self, rng: np.random.Generator) -> Pair:
        weights = np.array([max(3.0, len(part) ** 0.25) for part in self.parts])
        part = self.parts[int(rng.choice(len(self.parts), p=weights / weights.sum()))]
        return part[int(rng.integers(len(part)))]


def inflect(adjective: str, entry: Entry) -> str:
    """The regular Spanish adjective that agrees with `entry`, from its masculine singular."""
    if adjective.endswith("o"):
        adjective = adjective[:-1] + ("a" if entry.gender == "f" else "o")
    if entry.number == "s":
        return adjective
    return adjective + ("s" if adjective[-1] in "aeiou" else "es")


def _sentence(text: str, language: Language) -> str:
    """Single spaces, "an" before a vowel, a capital first letter."""
    text = re.sub(r"\s+([.,?!])", r"\1", " ".join(text.split())).replace("¿ ", "¿")
    if language == "eng":
        text = _VOWEL_SOUND.sub(r"\1n ", text)
    first = next(index for index, character in enumerate(text) if character.isalpha())
    return text[:first] + text[first].upper() + text[first + 1 :]


def _entry(name: str, item: Any) -> Entry:
    if isinstance(item, list):
        item = dict(zip(("en", "es"), item, strict=True))
    known = {"en", "es", "en_plural", "es_plural", "gender", "number", "person", "tags"}
    if not isinstance(item, dict) or not {"en", "es"} <= item.keys() <= known:
        raise GrammarError(f"lexicon.yaml: {name}: {item!r} is no entry")
    return Entry(
        {language: item[key] for language, key in _FILE_KEYS.items()},
        {language: item[f"{key}_plural"] for language, key in _FILE_KEYS.items() if f"{key}_plural" in item},
        item.get("gender", "m"),
        item.get("number", "s"),
        item.get("person", 3),
        frozenset(item.get("tags", ())),
    )


def _template(name: str, item: Any) -> Template:
    if not isinstance(item, dict) or not {"en", "es"} <= item.keys() <= {"en", "es", "slots"}:
        raise GrammarError(f"templates.yaml: {name}: needs en and es, may have slots")
    return Template(
        name, {language: item[key] for language, key in _FILE_KEYS.items()}, item.get("slots", {})
    )
