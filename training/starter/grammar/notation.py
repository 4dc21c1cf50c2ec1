"""The notation of the data files: dictionary entries and expressions in braces.

"a station"                 a noun: its article tells gender and number
"der Kollege, Kollegen (weak)"   a noun, its plural, and features in brackets
"blanc, blanche"            an adjective with the forms that no rule gives
"{beau:pl@p}"               a word, the form asked for, and the slot it agrees with
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import cast, get_args

from training.starter.grammar.model import (
    PERSONS,
    Case,
    Declension,
    Features,
    Form,
    Gender,
    GrammarError,
    Language,
    Number,
    Word,
)

# The first letter gives the gender, the second the number.
_ARTICLES: dict[Language, dict[str, str]] = {
    "eng": {"a": "ms", "an": "ms", "some": "mp"},
    "spa": {"un": "ms", "una": "fs", "unos": "mp", "unas": "fp"},
    "fra": {"un": "ms", "une": "fs", "des": "mp"},
    "deu": {"der": "ms", "die": "fs", "das": "ns"},
}
_FLAGS = {"weak", "inv", "h"}
_TENSES = {"pres", "past", "imperf", "cond", "inf", "zu", "pp", "ing", "ger", "imperative", "neg"}
_BRACKETS = re.compile(r"\s*\(([^()]*)\)\s*$")
_BRACES = re.compile(r"(\{[^{}]*\})")
_EXPRESSION = re.compile(r"\{([^{}:@]+)(?::([\w.]+))?(?:@(\w+))?\}")


@dataclass(frozen=True, slots=True)
class Expression:
    """`{name:form@controller}`: a slot or a lemma, and the slot that it agrees with."""

    name: str
    form: Form
    controller: str | None
    source: str


def parse_word(source: str, language: Language, where: str) -> Word:
    """One text of an entry. Raises GrammarError for an unknown feature or a wrong number of forms."""
    text, marks = source, set[str]()
    if match := _BRACKETS.search(source):
        text, marks = source[: match.start()], set(match[1].split())
    article, _, rest = text.strip().partition(" ")
    label = _ARTICLES[language].get(article) if rest and "inv" not in marks else None
    features = _features(label or "", marks, where)
    if "{" in text:
        return Word(text.strip(), features, aspirated="h" in marks)
    base, *forms = (part.strip() for part in (rest if label else text).split(","))
    if len(forms) > (1 if label else 3):
        raise GrammarError(f"{where}: {source!r}: too many forms")
    return Word(
        base,
        features,
        is_noun=label is not None,
        plural=forms[0] if label and forms else base if features.number == "p" else None,
        variants=() if label else tuple(forms),
        weak="weak" in marks,
        invariable="inv" in marks,
        aspirated="h" in marks,
    )


def _features(label: str, marks: set[str], where: str) -> Features:
    """Of an article's label ("fp") and the marks in brackets, which override it."""
    persons, genders, numbers = (marks & set(known) for known in (PERSONS, "mfn", "sp"))
    if unknown := marks - persons - genders - numbers - _FLAGS:
        raise GrammarError(f"{where}: unknown features {sorted(unknown)}")
    if max(map(len, (persons, genders, numbers))) > 1:
        raise GrammarError(f"{where}: features {sorted(marks)} contradict each other")
    gender = next(iter(genders), label[:1] or "m")
    person = next(iter(persons), None)
    number = next(iter(numbers), person[1] if person else label[1:] or "s")
    # A Spanish noun written as "un agua (f)" is feminine and takes the masculine article.
    stressed_a = label == "ms" and gender == "f" and number == "s"
    return Features(person or f"3{number}", cast(Gender, gender), cast(Number, number), stressed_a)


def parse_pattern(pattern: str, where: str) -> tuple[str | Expression, ...]:
    """Literal texts and expressions in turn. Raises GrammarError for braces that are no expression."""
    parts: list[str | Expression] = []
    for piece in filter(None, _BRACES.split(pattern)):
        match = _EXPRESSION.fullmatch(piece)
        if match:
            form = parse_form(match[2] or "", f"{where}: {piece}")
            parts.append(Expression(match[1], form, match[3], piece))
        elif "{" in piece or "}" in piece:
            raise GrammarError(f"{where}: {piece!r} is no expression")
        else:
            parts.append(piece)
    return tuple(parts)


def parse_form(source: str, where: str) -> Form:
    """Of tokens joined by full stops. Raises GrammarError for an unknown token."""
    form: dict[str, str | bool] = {}
    for token in filter(None, source.split(".")):
        if token in get_args(Case):
            form["case"] = token
        elif token in get_args(Declension):
            form["declension"] = token
        elif token in _TENSES:
            form["tense"] = token
        elif token in PERSONS:
            form["person"] = token
        elif token == "pl":
            form["plural"] = True
        elif token == "next":
            form["successor"] = True
        else:
            raise GrammarError(f"{where}: unknown form {token!r}")
    return Form(**form)  # type: ignore[arg-type]
