"""What all languages share of inflection: looking up a lemma, agreement, spelling of a sentence.

A language's module adds its rules; its irregular words are in data/morphology/.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from training.starter.grammar.data_files import mapping
from training.starter.grammar.model import PERSONS, Features, Form, GrammarError, Language, Word
from training.starter.grammar.notation import parse_word

Paradigm = Mapping[str, str]
"""A verb's forms: "inf", "pp" and the like, and finite ones as "pres.3s". "imperative" is the polite one,
"imperative.2s" the one among friends."""

_SECTIONS = {"determiners", "pronouns", "adjectives", "verbs"}
_NO_SPACE = re.compile(r" (?=[.,?!])|(?<=¿) ")
_SENTENCE_START = re.compile(r"(?:^\W*|(?<!Mr)(?<!Mrs)[.?!] ¿?)\w")


class Inflector(ABC):
    """The inflection of one language, read from its file in data/morphology/."""

    language: ClassVar[Language]
    sections: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, data: Mapping[str, Any], where: str) -> None:
        if unknown := data.keys() - _SECTIONS - self.sections:
            raise GrammarError(f"{where}: unknown sections {sorted(unknown)}")
        self.where = where
        self._determiners: Mapping[str, Any] = mapping(data.get("determiners", {}), where)
        self._pronouns: Mapping[str, Any] = mapping(data.get("pronouns", {}), where)
        words = [parse_word(source, self.language, where) for source in data.get("adjectives", ())]
        self._adjectives = {word.text: word for word in words}
        verbs = mapping(data.get("verbs", {}), where)
        regular: dict[str, Any] = {lemma: {} for lemma in verbs.get("regular", ())}
        irregular = mapping(verbs.get("irregular", {}), where)
        if twice := regular.keys() & irregular.keys():
            raise GrammarError(f"{where}: verbs both regular and irregular: {sorted(twice)}")
        self._verbs: dict[str, Any] = {**regular, **irregular}
        self._paradigms: dict[str, Paradigm] = {}

    def lemmas(self) -> set[str]:
        return {*self._determiners, *self._pronouns, *self._adjectives, *self._verbs}

    def knows(self, lemma: str) -> bool:
        return (
            lemma in self._determiners
            or lemma in self._pronouns
            or lemma in self._adjectives
            or self._verb_of(lemma) is not None
        )

    def inflect(self, lemma: str, form: Form, agreement: Features | None) -> str:
        """The lemma's form. "{}" in it stands for the slot agreed with. Raises GrammarError."""
        if agreement is not None and form.plural:
            agreement = agreement.in_plural()
        if lemma in self._determiners:
            return self._determiner(lemma, form, self._required(lemma, agreement))
        if lemma in self._pronouns:
            return self._pronoun(lemma, self._required(lemma, agreement))
        if lemma in self._adjectives:
            return self.adjective(self._adjectives[lemma], form, self._required(lemma, agreement))
        return self._verb_form(lemma, form, agreement)

    @abstractmethod
    def noun(self, word: Word, form: Form) -> str:
        """The noun's text in the number and case asked for. Raises GrammarError where it has none."""

    @abstractmethod
    def adjective(self, word: Word, form: Form, agreement: Features) -> str:
        """The adjective as it agrees with a noun or, predicatively, with a subject."""

    @abstractmethod
    def conjugate(self, lemma: str, irregular: Any) -> Paradigm:
        """All forms of a verb by rule, but for what its entry in the data file says."""

    def spell(self, text: str) -> str:
        """A rendered pattern as it is written: contractions and elisions, single spaces, capitals."""
        text = self.join(_NO_SPACE.sub("", " ".join(text.split())))
        return _SENTENCE_START.sub(lambda start: start[0][:-1] + start[0][-1].upper(), text)

    def join(self, text: str) -> str:
        """Words that change next to each other."""
        return text

    def _determiner(self, lemma: str, form: Form, agreement: Features) -> str:
        """A row of the data file: masculine, feminine, masculine plural, feminine plural."""
        row = self._determiners[lemma]
        if not isinstance(row, list) or len(row) != 4:
            raise GrammarError(f"{self.where}: {lemma!r}: needs four forms, has {row!r}")
        return str(row[2 * (agreement.number == "p") + (agreement.gender == "f")])

    def _pronoun(self, lemma: str, agreement: Features) -> str:
        """A table keyed by features, the most particular first."""
        table = mapping(self._pronouns[lemma], f"{self.where}: {lemma}")
        keys = (agreement.person, f"{agreement.gender}.{agreement.number}", agreement.number, "any")
        for key in keys:
            if key in table:
                return str(table[key])
        raise GrammarError(f"{self.where}: {lemma!r} has no form for {' '.join(keys[:3])}")

    def _verb_of(self, lemma: str) -> str | None:
        """The verb of "look for", which is the part that inflects."""
        return next((verb for verb in (lemma, lemma.partition(" ")[0]) if verb in self._verbs), None)

    def verb_entry(self, lemma: str) -> Any:
        """What the data file says of a verb. Raises GrammarError for an unknown one."""
        verb = self._verb_of(lemma)
        if verb is None:
            raise GrammarError(f"{self.where}: no word {lemma!r}")
        return self._verbs[verb]

    def paradigm(self, lemma: str) -> Paradigm:
        """Raises GrammarError for an unknown verb."""
        verb = self._verb_of(lemma)
        if verb is None:
            raise GrammarError(f"{self.where}: no word {lemma!r}")
        if verb not in self._paradigms:
            self._paradigms[verb] = self.conjugate(verb, self._verbs[verb])
        return self._paradigms[verb]

    def _verb_form(self, lemma: str, form: Form, agreement: Features | None) -> str:
        paradigm = self.paradigm(lemma)
        rest = lemma[len(self._verb_of(lemma) or lemma) :]
        tense = form.tense or "pres"
        if tense == "pp" and agreement is not None:
            return self.adjective(Word(paradigm["pp"]), Form(), agreement) + rest
        person = form.person or (agreement.person if agreement else None)
        for key in (f"{tense}.{person}", tense):
            if key in paradigm:
                return paradigm[key] + rest
        problem = f"no form {tense} {person}" if person else f"{tense} needs @slot"
        raise GrammarError(f"{self.where}: {lemma!r}: {problem}")

    def _required(self, lemma: str, agreement: Features | None) -> Features:
        if agreement is None:
            raise GrammarError(f"{self.where}: {lemma!r} needs @slot")
        return agreement


def finite(tense: str, forms: str | Iterable[str]) -> dict[str, str]:
    """Six forms, one a person, or one for all. Raises GrammarError for any other number."""
    listed = forms.split() if isinstance(forms, str) else list(forms)
    if len(listed) == 1:
        listed *= len(PERSONS)
    if len(listed) != len(PERSONS):
        raise GrammarError(f"{tense}: needs one form for all persons or six: {listed}")
    return {f"{tense}.{person}": text for person, text in zip(PERSONS, listed, strict=True)}


def head_and_rest(text: str, links: tuple[str, ...], where: str) -> tuple[str, str]:
    """("glass", " of water"): the noun that takes the plural. Raises GrammarError if it cannot be told."""
    if " " not in text:
        return text, ""
    positions = [index for link in links if (index := text.find(link)) > 0]
    if not positions or " " in text[: min(positions)]:
        raise GrammarError(f"{where}: the plural of {text!r} must be written out")
    return text[: min(positions)], text[min(positions) :]
