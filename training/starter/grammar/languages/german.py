"""German inflection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from training.starter.grammar.inflection import Inflector, Paradigm, finite
from training.starter.grammar.model import Features, Form, GrammarError, Language, Word

# Endings by declension and case: masculine, feminine, neuter, plural. Mixed follows kein and mein, indefinite
# follows ein, which says nothing in the plural.
_ENDINGS = {
    "strong": {"nom": "er e es e", "acc": "en e es e", "dat": "em er em en", "gen": "en er en er"},
    "weak": {"nom": "e e e en", "acc": "en e e en", "dat": "en en en en", "gen": "en en en en"},
    "mixed": {"nom": "er e es en", "acc": "en e es en", "dat": "en en en en", "gen": "en en en en"},
    "indefinite": {"nom": "er e es e", "acc": "en e es e", "dat": "en en en en", "gen": "en en en er"},
}
_COLUMNS = {"m": 0, "f": 1, "n": 2}
_STRONG_PAST = ("", "st", "", "en", "t", "en")
_WEAK_PAST = ("", "st", "", "n", "t", "n")
_NEEDS_E = re.compile(r"(?:[td]|ch[mn]|[^aeiouäöülrhmn][mn])$")
_SIBILANT = re.compile(r"(?:s|ß|x|z)$")
_NO_GE = re.compile(r"^(?:be(?!ten$)|ver|er|ent|emp|zer|miss|über|unter|wieder)|ieren$")


class German(Inflector):
    """Determiners are tables of case and gender. A verb's entry may say: `change` (stem of 2s and 3s), `pres`
    in full, `past` and `cond` (first person), `pp`, `aux: sein`, `imperative`, `familiar`. "ab|fahren" is
    "fahren" with a prefix before infinitive and participle."""

    language: ClassVar[Language] = "deu"

    def noun(self, word: Word, form: Form) -> str:
        plural_only = word.features.number == "p"
        if form.plural or plural_only:
            text = word.text if plural_only else word.plural
            if text is None:
                raise GrammarError(f"{self.where}: {word.text!r} has no plural")
            return _first_word(text, _dative_plural) if form.case == "dat" else text
        if word.weak and form.case not in (None, "nom"):
            return _first_word(
                word.text, lambda head: head + ("n" if re.search("e$|[aer]r$", head) else "en")
            )
        if form.case == "gen" and word.features.gender != "f":
            return _first_word(word.text, lambda head: head + ("es" if _SIBILANT.search(head) else "s"))
        return word.text

    def adjective(self, word: Word, form: Form, agreement: Features) -> str:
        if word.text[:1].isupper() and word.variants:
            return self._gendered_noun(word, agreement)
        if form.case is None or form.declension is None:
            raise GrammarError(
                f"{self.where}: {word.text!r}: an adjective before a noun needs case.declension"
            )
        if word.invariable:
            return word.text
        column = 3 if agreement.number == "p" else _COLUMNS[agreement.gender]
        return _stem(word) + _ENDINGS[form.declension][form.case].split()[column]

    def _gendered_noun(self, word: Word, agreement: Features) -> str:
        """Lehrer, Lehrerin, Lehrer, Lehrerinnen."""
        index = 2 * (agreement.number == "p") + (agreement.gender == "f")
        if index > len(word.variants):
            raise GrammarError(f"{self.where}: {word.text!r} has no plural")
        return (word.text, *word.variants)[index]

    def _determiner(self, lemma: str, form: Form, agreement: Features) -> str:
        table = self._determiners[lemma]
        if isinstance(table, list):
            row = table
        elif form.case in table:
            row = table[form.case]
        else:
            raise GrammarError(f"{self.where}: {lemma!r} needs a case of {sorted(table)}, has {form.case}")
        return str(row[3 if agreement.number == "p" else _COLUMNS[agreement.gender]])

    def _verb_of(self, lemma: str) -> str | None:
        prefix, bar, base = lemma.rpartition("|")
        if lemma in self._verbs or (bar and prefix and base in self._verbs):
            return lemma
        return None

    def verb_entry(self, lemma: str) -> Any:
        base = lemma.rpartition("|")[2]
        if self._verb_of(lemma) is None:
            raise GrammarError(f"{self.where}: no word {lemma!r}")
        return {**self._verbs.get(base, {}), **self._verbs.get(lemma, {})}

    def paradigm(self, lemma: str) -> Paradigm:
        if lemma not in self._paradigms:
            self._paradigms[lemma] = self.conjugate(lemma, self.verb_entry(lemma))
        return self._paradigms[lemma]

    def conjugate(self, lemma: str, irregular: Any) -> Paradigm:
        given = dict(irregular)
        prefix, _, base = lemma.rpartition("|")
        stem = re.sub("e?n$", "", base)
        participle = given.get("pp") or ("" if _NO_GE.search(base) else "ge") + _t_form(stem)
        paradigm = {
            "inf": prefix + base,
            "zu": f"{prefix}zu{base}" if prefix else f"zu {base}",
            "pp": prefix + participle,
            "imperative": given.get("imperative", base),
            "imperative.2s": given.get("familiar") or _familiar(base, stem, given),
            **finite("pres", given.get("pres") or _present(base, stem, given.get("change"))),
        }
        for tense in given.keys() & {"past", "cond"}:
            first = given[tense]
            endings = _WEAK_PAST if first.endswith("e") else _STRONG_PAST
            paradigm |= finite(tense, [first + ending for ending in endings])
        return paradigm


def _present(base: str, stem: str, changed: str | None) -> list[str]:
    first = _before_e(base, stem) + "e"
    second, third = stem + ("est" if _NEEDS_E.search(stem) else _st(stem)), _t_form(stem)
    if changed:
        second, third = changed + _st(changed), changed if changed.endswith("t") else changed + "t"
    return [first, second, third, base, _t_form(stem), base]


def _familiar(base: str, stem: str, given: Mapping[str, Any]) -> str:
    """Sprich, fahr, warte: the imperative among friends."""
    changed = given.get("change", "")
    if "i" in changed:
        return str(changed)
    weak = "pp" not in given
    return _before_e(base, stem) + "e" if weak or _NEEDS_E.search(stem) else stem


def _before_e(base: str, stem: str) -> str:
    """The stem before -e: sammle of sammeln, but spiele of spielen."""
    return stem[:-2] + "l" if base.endswith("eln") else stem


def _st(stem: str) -> str:
    return "t" if _SIBILANT.search(stem) else "st"


def _t_form(stem: str) -> str:
    return stem + ("et" if _NEEDS_E.search(stem) else "t")


def _stem(word: Word) -> str:
    """What an adjective's endings are put to: dunkl-, teur-, müd-, hoh-."""
    if word.variants:
        return word.variants[0]
    text = re.sub("(?<=[^aeiou])el$", "l", word.text)
    return re.sub("(?<=[ae]u)er$", "r", text).removesuffix("e")


def _dative_plural(noun: str) -> str:
    return noun if noun.endswith(("n", "s")) else noun + "n"


def _first_word(text: str, inflect: Any) -> str:
    """The head of "Glas Wasser" is its first word."""
    head, space, rest = text.partition(" ")
    return str(inflect(head)) + space + rest
