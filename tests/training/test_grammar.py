"""The grammar's data: one translation a sentence, agreement in both languages, held-out combinations."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from training.starter import grammar as grammar_module
from training.starter.grammar import LANGUAGES, Entry, Grammar, GrammarError, Pair, inflect

_FEMININE = r"(?:estación|farmacia|playa|biblioteca|escuela|maleta|llave|cartera|cámara|camisa|falda|cena)"
_MASCULINE = r"(?:hotel|hospital|banco|museo|aeropuerto|mercado|parque|pasaporte|libro|reloj|vestido|abrigo)"


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return Grammar.load()


@pytest.fixture(scope="module")
def pairs(grammar: Grammar) -> list[Pair]:
    return list(grammar.all_pairs())


def test_it_is_as_large_as_the_card_says(grammar: Grammar, pairs: list[Pair]) -> None:
    with_slots = [name for name, part in grammar.pairs.items() if len(part) > 1]
    assert 55 <= len(with_slots) <= 80
    assert len(pairs) > 10_000


@pytest.mark.parametrize(("source", "target"), [LANGUAGES, LANGUAGES[::-1]])
def test_every_sentence_has_one_translation(pairs: list[Pair], source: str, target: str) -> None:
    translations: dict[str, set[str]] = {}
    for pair in pairs:
        translations.setdefault(pair.text[source], set()).add(pair.text[target])  # type: ignore[index]
    assert all(len(targets) == 1 for targets in translations.values())


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_two_sentences_differ_by_intonation_or_case_alone(pairs: list[Pair], language: str) -> None:
    spoken: dict[str, str] = {}
    for pair in pairs:
        text = pair.text[language]  # type: ignore[index]
        assert spoken.setdefault(re.sub(r"[^\w' -]", "", text).lower(), text) == text


def test_sentences_are_well_formed(pairs: list[Pair]) -> None:
    for pair in pairs:
        english, spanish = pair.text["eng"], pair.text["spa"]
        for text in (english, spanish):
            assert not re.search(r"[{}@:]|  | [.,?]|^\s|\s$", text), text
            assert text.lstrip("¿")[0].isupper(), text
            assert text[-1] in ".?", text
        assert english.endswith("?") == spanish.endswith("?") == spanish.startswith("¿"), pair


def test_spanish_articles_and_adjectives_agree(pairs: list[Pair]) -> None:
    wrong = re.compile(
        rf"\b(?:el|un|este|del|al) {_FEMININE}\b|\b(?:la|una|esta) {_MASCULINE}\b|\bde el\b|\ba el\b"
        rf"|\b{_FEMININE} (?:es demasiado|está muy) \w+o\b|\b(?:zapatos|pantalones) son demasiado \w+[^s]\b"
        rf"|\b(?:las|los) \w+ (?:está|es|cuesta|gusta)\b|\b(?:gafas|nueces|manos) \w*o(?:s)?\b",
        re.IGNORECASE,
    )
    found = {match[0] for pair in pairs if (match := wrong.search(pair.text["spa"]))}
    assert found == set()


def test_english_articles_and_verbs_agree(pairs: list[Pair]) -> None:
    wrong = re.compile(
        r"\ba [aeio]\w*|\ban [^aeiou]|\bI (?:is|are|has|wants|needs|likes)\b"
        r"|\b(?:he|she) (?:are|am|have|want|need|like)\b"
        r"|\b(?:we|my parents) (?:is|am|has|wants|needs|likes|does)\b|\bthis (?:shoes|pants|glasses)\b"
        r"|\b(?:shoes|pants|glasses|restrooms|eggs) (?:is|costs|does)\b",
        re.IGNORECASE,
    )
    found = {match[0] for pair in pairs if (match := wrong.search(pair.text["eng"]))}
    assert found == set()


def test_the_wrong_sentences_would_be_seen() -> None:
    """The two checks above, on sentences that break agreement."""
    bad = Pair("x", {"eng": "A eggs is cold.", "spa": "El farmacia es caro."}, False)
    with pytest.raises(AssertionError):
        test_spanish_articles_and_adjectives_agree([bad])
    with pytest.raises(AssertionError):
        test_english_articles_and_verbs_agree([bad])


@pytest.mark.parametrize(
    ("gender", "number", "adjective", "expected"),
    [
        ("f", "s", "rojo", "roja"),
        ("m", "p", "rojo", "rojos"),
        ("f", "p", "rojo", "rojas"),
        ("f", "s", "verde", "verde"),
        ("f", "p", "verde", "verdes"),
        ("m", "p", "azul", "azules"),
    ],
)
def test_adjectives_inflect(gender: str, number: str, adjective: str, expected: str) -> None:
    assert inflect(adjective, Entry({}, {}, gender, number)) == expected


def test_some_sentences_in_full(pairs: list[Pair]) -> None:
    english_to_spanish = {pair.text["eng"]: pair.text["spa"] for pair in pairs}
    for english, spanish in {
        "Are there restrooms near here?": "¿Hay baños cerca de aquí?",
        "My mother is allergic to nuts.": "Mi madre es alérgica a las nueces.",
        "My parents do not like cheese.": "A mis padres no les gusta el queso.",
        "It is half past one.": "Es la una y media.",
        "It is ten past three.": "Son las tres y diez.",
        "Is there an airport near here?": "¿Hay un aeropuerto cerca de aquí?",
        "Are these your glasses?": "¿Son estas sus gafas?",
        "We are going to the library tomorrow.": "Vamos a la biblioteca mañana.",
        "My eyes hurt.": "Me duelen los ojos.",
    }.items():
        assert english_to_spanish[english] == spanish


def test_held_out_combinations_are_a_tenth_and_their_words_are_known(
    grammar: Grammar, pairs: list[Pair]
) -> None:
    held_out = [pair for pair in pairs if pair.held_out]
    assert 0.08 < len(held_out) / len(pairs) < 0.12
    for language in LANGUAGES:
        trained_texts = {pair.text[language] for pair in pairs if not pair.held_out}
        trained_words = {word for text in trained_texts for word in re.findall(r"[\w'-]+", text)}
        assert not trained_texts & {pair.text[language] for pair in held_out}
        assert {
            word for pair in held_out for word in re.findall(r"[\w'-]+", pair.text[language])
        } <= trained_words


def test_draws_are_repeatable_and_keep_to_their_part(grammar: Grammar) -> None:
    for held_out in (False, True):
        sampler = grammar.sampler(held_out=held_out)
        first, second = (
            [sampler.draw(rng) for _ in range(200)] for rng in map(np.random.default_rng, (3, 3))
        )
        assert first == second
        assert {pair.held_out for pair in first} == {held_out}
        assert len({pair.template for pair in first}) > 30


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            {"en": "The {p} is far.", "es": "El {p} está lejos.", "slots": {"p": "planet"}},
            "no entry for 'planet'",
        ),
        ({"en": "The {q} is far.", "es": "El {p} está lejos.", "slots": {"p": "place"}}, "names no slot"),
        (
            {"en": "The {p} {ser@p} far.", "es": "{el@p} {p} {ser@p} x.", "slots": {"p": "place"}},
            "has no form",
        ),
        ({"en": "Where is it?", "es": "{p}", "slots": {"p": "place"}}, "two translations"),
        ({"en": "Where is it?"}, "needs en and es"),
    ],
)
def test_broken_data_is_refused(tmp_path: Path, template: dict[str, object], message: str) -> None:
    for name in ("lexicon.yaml", "agreement.yaml", "templates.yaml"):
        (tmp_path / name).write_text(
            (grammar_module.DATA_FOLDER / name).read_text(encoding="utf-8"), encoding="utf-8"
        )
    with (tmp_path / "templates.yaml").open("a", encoding="utf-8") as file:
        yaml.safe_dump({"broken": template}, file, allow_unicode=True)
    with pytest.raises(GrammarError, match=message):
        Grammar.load(tmp_path)
