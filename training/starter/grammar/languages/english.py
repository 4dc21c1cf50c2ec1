"""English inflection and spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from training.starter.grammar.inflection import Inflector, Paradigm, finite
from training.starter.grammar.model import Features, Form, GrammarError, Language, Word

_SIBILANT = re.compile(r"(?:s|x|z|ch|sh)$")
_CONSONANT_Y = re.compile(r"(?<=[^aeiou])y$")


class English(Inflector):
    """Determiners are rows of singular and plural. A verb's entry is [past, participle] or a mapping."""

    language: ClassVar[Language] = "eng"
    sections = frozenset({"doubling", "an", "a"})

    def __init__(self, data: Mapping[str, Any], where: str) -> None:
        super().__init__(data, where)
        self._doubling = frozenset(data.get("doubling", ()))
        consonants, vowels = ("|".join(data.get(key, ())) or "(?!)" for key in ("a", "an"))
        self._an = re.compile(rf"\b([Aa]) (?=(?!{consonants})[aeiou]|{vowels})", re.IGNORECASE)

    def noun(self, word: Word, form: Form) -> str:
        if form.case:
            raise GrammarError(f"{self.where}: {word.text!r}: English nouns have no case")
        if not form.plural:
            return word.text
        if word.plural is not None:
            return word.plural
        head, link, rest = word.text.partition(" of ")
        return s_form(head) + link + rest

    def adjective(self, word: Word, form: Form, agreement: Features) -> str:
        return word.text

    def _determiner(self, lemma: str, form: Form, agreement: Features) -> str:
        singular, plural = self._determiners[lemma]
        return str(plural if agreement.number == "p" else singular)

    def is_auxiliary(self, lemma: str) -> bool:
        """Whether the verb makes its negation and question without "do"."""
        return "neg.3s" in self.paradigm(lemma)

    def conjugate(self, lemma: str, irregular: Any) -> Paradigm:
        given = (
            dict(zip(("past", "pp"), irregular, strict=True))
            if isinstance(irregular, list)
            else dict(irregular)
        )
        if "neg" in given and "pp" not in given:  # a modal verb has nothing but these
            return {key: form for tense in given for key, form in finite(tense, given[tense]).items()}
        stem = lemma + lemma[-1] if lemma in self._doubling else lemma
        past = _CONSONANT_Y.sub("i", stem.removesuffix("e")) + "ed"
        drops_e = stem.endswith("e") and not stem.endswith(("ee", "ye", "oe"))
        ing = (re.sub("ie$", "y", stem) if stem.endswith("ie") else stem[:-1] if drops_e else stem) + "ing"
        present = [lemma, lemma, s_form(lemma), lemma, lemma, lemma]
        paradigm = {
            "inf": lemma,
            "pp": given.get("pp", past),
            "ing": given.get("ing", ing),
            "imperative": lemma,
            **finite("pres", given.get("pres", present)),
            **finite("past", given.get("past", past)),
        }
        return paradigm | (finite("neg", given["neg"]) if "neg" in given else {})

    def join(self, text: str) -> str:
        return self._an.sub(r"\1n ", text)


def s_form(text: str) -> str:
    """The plural of a regular noun, the third person of a regular verb."""
    if _SIBILANT.search(text):
        return text + "es"
    if _CONSONANT_Y.search(text):
        return text[:-1] + "ies"
    return text + "s"
