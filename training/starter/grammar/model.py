"""What the grammar is made of: languages, features, words, sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Language = Literal["eng", "spa", "fra", "deu"]
Part = Literal["train", "combination", "template", "stock"]
Gender = Literal["m", "f", "n"]
Number = Literal["s", "p"]
Case = Literal["nom", "acc", "dat", "gen"]
Declension = Literal["strong", "weak", "mixed", "indefinite"]

LANGUAGES: tuple[Language, ...] = ("eng", "spa", "fra", "deu")
PERSONS = ("1s", "2s", "3s", "1p", "2p", "3p")


class GrammarError(ValueError):
    """A data file breaks a rule; the message names the file, the entry and the rule."""


@dataclass(frozen=True, slots=True)
class Features:
    """What determiners, adjectives and verbs agree with. The verb's number can differ from the meaning's:
    polite French "vous" takes a plural verb and a singular adjective. `stressed_a`: feminine, with the
    masculine article in Spanish ("el agua")."""

    person: str = "3s"
    gender: Gender = "m"
    number: Number = "s"
    stressed_a: bool = False

    def in_plural(self) -> Features:
        return Features(self.person[0] + "p", self.gender, "p")


@dataclass(frozen=True, slots=True)
class Word:
    """One text of one language.

    `plural` is None where it must be formed by rule. `variants` holds the written-out forms of an adjective
    after its base form (feminine; masculine and feminine plural), or the stem before German endings.
    `successor` is the next number on a clock face: German "half past six" is "halb sieben".
    """

    text: str
    features: Features = Features()
    is_noun: bool = False
    plural: str | None = None
    variants: tuple[str, ...] = ()
    weak: bool = False
    invariable: bool = False
    aspirated: bool = False
    successor: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One meaning in every language. Two entries are the same only if they are one object."""

    class_name: str
    key: str
    words: Mapping[Language, Word]
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Form:
    """The form an expression asks for, e.g. `acc.weak.pl`. None: the default of the word at hand."""

    case: Case | None = None
    declension: Declension | None = None
    plural: bool = False
    successor: bool = False
    tense: str | None = None
    person: str | None = None


@dataclass(frozen=True, slots=True)
class Sentence:
    """One meaning in every language, the template it came from, and the part it belongs to.

    `said_in`: the languages in which its text means this alone; the text of another is a translation of
    these, and is said for something else ("Bonjour." translates "Hello.", and means "Good morning.").
    """

    template: str
    text: Mapping[Language, str] = field(hash=False)
    part: Part
    said_in: tuple[Language, ...] = LANGUAGES
