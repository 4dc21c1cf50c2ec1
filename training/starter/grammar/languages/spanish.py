"""Spanish inflection and spelling."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from training.starter.grammar.inflection import Inflector, Paradigm, finite, head_and_rest
from training.starter.grammar.model import Features, Form, GrammarError, Language, Word

_PLAIN = str.maketrans("áéíóú", "aeiou")
_STRONG_PAST = ("e", "iste", "o", "imos", "isteis", "ieron")
_PRESENT = {"a": "o as a amos áis an", "e": "o es e emos éis en", "i": "o es e imos ís en"}
_PAST = {
    "a": "é aste ó amos asteis aron",
    "e": "í iste ió imos isteis ieron",
    "i": "í iste ió imos isteis ieron",
}
# The vowel of the stem under stress, and in the third persons of the past of verbs in -ir.
_CHANGES = {"ie": "e", "ue": "o", "i": "e"}
_BEFORE_E = {"c": "qu", "g": "gu", "z": "c", "gu": "gü"}
_E = re.compile(r"\by (?=h?i(?!e))", re.IGNORECASE)
_U = re.compile(r"\bo (?=h?o)", re.IGNORECASE)
_CONTRACTIONS = re.compile(r"\b(a|de) el\b", re.IGNORECASE)


class Spanish(Inflector):
    """A verb's entry may say: `change` (stem vowel), `yo`, `past` (stem or six forms), `pres` and other
    tenses in full, `pp`, `ger`, `imperative`, `familiar`."""

    language: ClassVar[Language] = "spa"
    sections = frozenset({"before_stressed_a"})

    def __init__(self, data: Mapping[str, Any], where: str) -> None:
        super().__init__(data, where)
        self._before_stressed_a = frozenset(data.get("before_stressed_a", ()))

    def noun(self, word: Word, form: Form) -> str:
        if form.case:
            raise GrammarError(f"{self.where}: {word.text!r}: Spanish nouns have no case")
        if not form.plural:
            return word.text
        if word.plural is not None:
            return word.plural
        head, rest = head_and_rest(word.text, (" de ", " para "), self.where)
        return plural(head) + rest

    def adjective(self, word: Word, form: Form, agreement: Features) -> str:
        if word.invariable:
            return word.text
        feminine = word.variants[0] if word.variants else re.sub("o$", "a", word.text)
        singular = feminine if agreement.gender == "f" else word.text
        if agreement.number == "s":
            return singular
        if len(word.variants) == 3:
            return word.variants[2 if agreement.gender == "f" else 1]
        return plural(singular)

    def _determiner(self, lemma: str, form: Form, agreement: Features) -> str:
        if agreement.stressed_a and lemma in self._before_stressed_a:
            agreement = Features()
        return super()._determiner(lemma, form, agreement)

    def conjugate(self, lemma: str, irregular: Any) -> Paradigm:
        given = dict(irregular)
        if not re.search("[aeií]r$", lemma):
            raise GrammarError(f"{self.where}: {lemma!r} is no infinitive")
        stem, vowel = lemma[:-2], lemma[-2].translate(_PLAIN)
        participle = {"a": "ado"}.get(vowel, "ído" if stem[-1:] in ("a", "e", "o") else "ido")
        paradigm = {
            "inf": lemma,
            "pp": given.get("pp", stem + participle),
            "ger": given.get("ger", self._gerund(stem, vowel, given.get("change"))),
            **finite("pres", given["pres"] if "pres" in given else self._present(stem, vowel, given)),
            **finite("past", self._past(stem, vowel, given)),
        }
        for tense in given.keys() & {"imperf", "cond"}:
            paradigm |= finite(tense, given[tense])
        yo = paradigm["pres.1s"].removesuffix("o")
        before_e = re.sub("(gu|c|g|z)$", lambda end: _BEFORE_E[end[1]], yo)
        polite = before_e + "e" if vowel == "a" else yo + "a"
        familiar = given.get("familiar", paradigm["pres.3s"])
        return paradigm | {"imperative": given.get("imperative", polite), "imperative.2s": familiar}

    def _present(self, stem: str, vowel: str, given: Mapping[str, Any]) -> list[str]:
        stressed = stem
        if change := given.get("change"):
            old = _CHANGES[change]
            before, found, after = stem.rpartition(old)
            if not found:
                raise GrammarError(f"{self.where}: {stem!r} has no {old!r} to change")
            stressed = before + change + after
        forms = [
            (stem if ending in ("amos", "áis", "emos", "éis", "imos", "ís") else stressed) + ending
            for ending in _PRESENT[vowel].split()
        ]
        forms[0] = given.get("yo") or (forms[0] if vowel == "a" else _spelled_yo(forms[0]))
        return forms

    def _past(self, stem: str, vowel: str, given: Mapping[str, Any]) -> list[str]:
        past = given.get("past")
        if past and " " in past:
            return str(past).split()
        if past:
            strong = [past + ending for ending in _STRONG_PAST]
            return [*strong[:5], past + ("eron" if past.endswith("j") else "ieron")]
        forms = [stem + ending for ending in _PAST[vowel].split()]
        if vowel == "a":
            return [re.sub("(gu|c|g|z)é$", lambda end: _BEFORE_E[end[1]] + "é", forms[0]), *forms[1:]]
        weak = self._weakened(stem, vowel, given.get("change"))
        forms[2], forms[5] = weak + "ió", weak + "ieron"
        if stem[-1] in "aeo":
            forms = [re.sub(r"(?<=[aeo])i(?=ste|mos)", "í", form) for form in forms]
            forms = [re.sub(r"(?<=[aeo])i(?=ó|eron)", "y", form) for form in forms]
        return forms

    @staticmethod
    def _weakened(stem: str, vowel: str, change: str | None) -> str:
        """The stem of durmió and pidió: verbs in -ir whose vowel changes."""
        if vowel != "i" or change is None:
            return stem
        old = _CHANGES[change]
        before, _, after = stem.rpartition(old)
        return before + {"e": "i", "o": "u"}[old] + after

    def _gerund(self, stem: str, vowel: str, change: str | None) -> str:
        if vowel == "a":
            return stem + "ando"
        weak = self._weakened(stem, vowel, change)
        return weak + ("yendo" if stem[-1:] in ("a", "e", "o") else "iendo")

    def join(self, text: str) -> str:
        text = _U.sub("u ", _E.sub("e ", text))
        return _CONTRACTIONS.sub(lambda found: found[1] + "l", text)


def _spelled_yo(form: str) -> str:
    """The first person of a verb in -er or -ir as it must be spelled: sigo, cojo, conozco, venzo."""
    if form.endswith("guo"):
        return form[:-2] + "o"
    form = re.sub("go$", "jo", form)
    return re.sub("(?<=[rn])co$", "zo", re.sub("(?<=[aeou])co$", "zco", form))


def plural(text: str) -> str:
    """The plural of a regular noun or adjective."""
    if text[-1] in "aeiouáéó":
        return text + "s"
    if text[-1] == "z":
        return text[:-1] + "ces"
    if re.search("[áéíóú](?:n|s)$", text):
        return text[:-2] + text[-2].translate(_PLAIN) + text[-1] + "es"
    if text[-1] == "s" and len(re.findall("[aeiou]+", text)) > 1:
        return text
    return text + "es"
