"""Inflection and spelling of each language against tables written by hand."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.training.grammar.inflection_tables import (
    ADJECTIVES,
    DETERMINERS,
    FAMILIAR,
    GERMAN_ADJECTIVES,
    NOUNS,
    PERSONS,
    SPELLINGS,
    VERBS,
)
from training.starter.grammar import GrammarError, Language
from training.starter.grammar.inflection import Inflector
from training.starter.grammar.model import Features, Form
from training.starter.grammar.notation import parse_form, parse_word
from training.starter.grammar.rendering import load_inflectors


@pytest.fixture(scope="module")
def inflectors() -> Mapping[Language, Inflector]:
    return load_inflectors()


def _split(text: str) -> list[str]:
    return text.split("|") if "|" in text else text.split()


def test_verbs(inflectors: Mapping[Language, Inflector]) -> None:
    for language, table in VERBS.items():
        for name, expected in table.items():
            lemma, _, tense = name.rpartition(" ")
            forms = _split(expected)
            found = [
                inflectors[language].inflect(lemma, Form(tense=tense, person=person), None)
                for person in (PERSONS if len(forms) > 1 else (None,))
            ]
            assert found == forms, (language, name)


def test_imperatives_among_friends(inflectors: Mapping[Language, Inflector]) -> None:
    for language, table in FAMILIAR.items():
        for lemma, expected in table.items():
            assert inflectors[language].inflect(lemma, Form(tense="imperative"), Features("2s")) == expected


def test_participles_agree(inflectors: Mapping[Language, Inflector]) -> None:
    women = Features("3p", "f", "p")
    assert inflectors["fra"].inflect("aller", Form(tense="pp"), women) == "allées"
    assert inflectors["fra"].inflect("acheter", Form(tense="pp"), None) == "acheté"
    assert inflectors["spa"].inflect("cerrar", Form(tense="pp"), women) == "cerradas"


def test_adjectives(inflectors: Mapping[Language, Inflector]) -> None:
    agreements = [
        Features(gender="m"),
        Features(gender="f"),
        Features("3p", "m", "p"),
        Features("3p", "f", "p"),
    ]
    for language, table in ADJECTIVES.items():
        for source, expected in table.items():
            word = parse_word(source, language, "test")
            found = [inflectors[language].adjective(word, Form(), agreement) for agreement in agreements]
            assert found == expected.split(), (language, source)


def test_german_adjectives(inflectors: Mapping[Language, Inflector]) -> None:
    agreements = [*(Features(gender=gender) for gender in ("m", "f", "n")), Features("3p", "n", "p")]
    for (source, form), expected in GERMAN_ADJECTIVES.items():
        word = parse_word(source, "deu", "test")
        found = [inflectors["deu"].adjective(word, parse_form(form, "test"), item) for item in agreements]
        assert found == expected.split(), (source, form)
    with pytest.raises(GrammarError, match=r"'rot'.*needs case\.declension"):
        inflectors["deu"].adjective(parse_word("rot", "deu", "test"), Form(), Features())


def test_nouns(inflectors: Mapping[Language, Inflector]) -> None:
    for language, table in NOUNS.items():
        for (source, form), expected in table.items():
            word = parse_word(source, language, "test")
            assert inflectors[language].noun(word, parse_form(form, "test")) == expected, (language, source)


@pytest.mark.parametrize(
    ("language", "source", "form"),
    [("deu", "die Milch", "pl"), ("spa", "una cama doble", "pl"), ("eng", "a bed", "acc")],
)
def test_forms_that_do_not_exist(
    inflectors: Mapping[Language, Inflector], language: Language, source: str, form: str
) -> None:
    word = parse_word(source, language, "test")
    with pytest.raises(GrammarError, match=word.text):
        inflectors[language].noun(word, parse_form(form, "test"))


def test_determiners(inflectors: Mapping[Language, Inflector]) -> None:
    romance = [Features(gender="m"), Features(gender="f"), Features("3p", "m", "p"), Features("3p", "f", "p")]
    german = [Features(gender="m"), Features(gender="f"), Features(gender="n"), Features("3p", "m", "p")]
    for language, table in DETERMINERS.items():
        for name, expected in table.items():
            lemma, _, form = name.partition(":")
            found = [
                inflectors[language].inflect(lemma, parse_form(form, "test"), agreement)
                for agreement in (german if language == "deu" else romance)
            ]
            assert found == _split(expected), (language, name)
    water = parse_word("un agua (f)", "spa", "test").features
    assert inflectors["spa"].inflect("el", Form(), water) == "el"
    assert inflectors["spa"].inflect("este", Form(), water) == "esta"
    assert inflectors["spa"].inflect("el", Form(plural=True), water) == "las"


def test_spelling(inflectors: Mapping[Language, Inflector]) -> None:
    for language, table in SPELLINGS.items():
        for text, expected in table.items():
            assert inflectors[language].spell(text) == expected
