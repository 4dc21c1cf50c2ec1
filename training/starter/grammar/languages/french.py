"""French inflection and spelling."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from training.starter.grammar.inflection import Inflector, Paradigm, finite, head_and_rest
from training.starter.grammar.model import Features, Form, GrammarError, Language, Word

_FEMININES = (("eux", "euse"), ("er", "ère"), ("f", "ve"), ("on", "onne"), ("en", "enne"), ("el", "elle"))
_ER = "e es e ons ez ent"
_IR = "is is it issons issez issent"
_RE = "s s  ons ez ent"
_CONDITIONAL = "ais ais ait ions iez aient"
_ELIDED = "(?:[ljmtsdn]|(?:jus|lors|puis)?qu)e|la"
# Before such a word beau, nouveau, vieux stand alone: "il est beau et grand".
_NO_NOUN = "et|ou|à|au|aux|en|ici|aujourd'hui|avec|aussi|après|avant"


class French(Inflector):
    """A verb's entry may say: `pres` in full, `pp`, `aux: être`, `future` and `imperf` (stems), `doubling`,
    `imperative`, `familiar`."""

    language: ClassVar[Language] = "fra"
    sections = frozenset({"prevocalic", "aspirated"})

    def __init__(self, data: Mapping[str, Any], where: str) -> None:
        super().__init__(data, where)
        self._prevocalic: Mapping[str, str] = data.get("prevocalic", {})
        self._aspirated = set(data.get("aspirated", ()))
        self._compile()

    def aspirate(self, words: Iterable[str]) -> None:
        """Marks words as beginning with an aspirated h (or as kept apart like one)."""
        self._aspirated.update(words)
        self._compile()

    def _compile(self) -> None:
        kept_apart = "|".join(map(re.escape, sorted(self._aspirated))) or "(?!)"
        vowel = rf"(?=(?!(?:{kept_apart})\b)(?:[aeiouàâäéèêëîïôöùûœæh]|y\b))"
        changing = "|".join(self._prevocalic) or "(?!)"
        self._joints = (
            re.compile(rf"(?<![\w'-])({changing}) {vowel}(?!(?:{_NO_NOUN})\b)", re.IGNORECASE),
            re.compile(rf"(?<![\w-])({_ELIDED}|si(?= ils?\b)) {vowel}", re.IGNORECASE),
        )

    def noun(self, word: Word, form: Form) -> str:
        if form.case:
            raise GrammarError(f"{self.where}: {word.text!r}: French nouns have no case")
        if not form.plural:
            return word.text
        if word.plural is not None:
            return word.plural
        head, rest = head_and_rest(word.text, (" de ", " d'", " à ", " en "), self.where)
        return plural(head) + rest

    def adjective(self, word: Word, form: Form, agreement: Features) -> str:
        if word.invariable:
            return word.text
        text = word.text
        if agreement.gender == "f":
            text = word.variants[0] if word.variants else feminine(word.text)
        if agreement.number == "s":
            return text
        if len(word.variants) == 3:
            return word.variants[2 if agreement.gender == "f" else 1]
        return plural(text)

    def conjugate(self, lemma: str, irregular: Any) -> Paradigm:
        given = dict(irregular)
        present = [*finite("pres", given["pres"] if "pres" in given else self._present(lemma)).values()]
        stem, ending = lemma[:-2], lemma[-2:]
        participle = {"er": "é", "ir": "i", "re": "u"}.get(ending)
        if participle is None:
            raise GrammarError(f"{self.where}: {lemma!r} is no infinitive")
        future = given.get("future") or self._future(lemma, present[0])
        paradigm = {
            "inf": lemma,
            "pp": given.get("pp", stem + participle),
            "imperative": given.get("imperative", present[4]),
            "imperative.2s": given.get("familiar", re.sub("(?<=[ea])s$", "", present[1])),
            **finite("pres", present),
            **finite("cond", [future + end for end in _CONDITIONAL.split()]),
        }
        if "imperf" in given:
            paradigm |= finite("imperf", [given["imperf"] + end for end in _CONDITIONAL.split()])
        return paradigm

    def _present(self, lemma: str) -> list[str]:
        stem, ending = lemma[:-2], lemma[-2:]
        if ending == "ir":
            return [stem + end for end in _IR.split()]
        if ending == "re":
            return [stem + end for end in _RE.split(" ")]
        if ending != "er":
            raise GrammarError(f"{self.where}: {lemma!r} is no infinitive")
        stressed = self._stressed(stem, lemma)
        forms = [(stem if end in ("ons", "ez") else stressed) + end for end in _ER.split()]
        forms[3] = re.sub("cons$", "çons", re.sub("gons$", "geons", forms[3]))
        return forms

    def _stressed(self, stem: str, lemma: str) -> str:
        """The stem before a silent ending: achèt-, préfèr-, appell-, pai-."""
        if self._verbs[lemma].get("doubling"):
            return stem + stem[-1]
        if stem.endswith(("ay", "oy", "uy")):
            return stem[:-1] + "i"
        return re.sub("[eé](?=[bcdfglmnprstvz]$|[bcdfgpt][rl]$)", "è", stem)

    def _future(self, lemma: str, first_person: str) -> str:
        if lemma.endswith("re"):
            return lemma[:-1]
        return lemma if lemma.endswith("ir") or "é" in lemma[-4:] else first_person + "r"

    def join(self, text: str) -> str:
        changing, eliding = self._joints
        text = changing.sub(lambda found: self._prevocalic[found[1].lower()] + " ", text)
        text = eliding.sub(lambda found: found[1][:-1] + "'", text)
        text = re.sub(r"\b([Dd])e le ", r"\1u ", re.sub(r"\b([Dd])e les ", r"\1es ", text))
        return re.sub(r"(?<![\w-])([àÀ]) les? ", lambda f: "aux " if "s " in f[0] else "au ", text)


def feminine(text: str) -> str:
    """The feminine of a regular adjective or participle."""
    if text.endswith("e"):
        return text
    for masculine, ending in _FEMININES:
        if text.endswith(masculine):
            return text.removesuffix(masculine) + ending
    return text + "e"


def plural(text: str) -> str:
    """The plural of a regular noun or adjective."""
    if text[-1] in "sxz":
        return text
    if text.endswith("al"):
        return text[:-2] + "aux"
    return text + ("x" if text.endswith(("au", "eu")) else "s")
