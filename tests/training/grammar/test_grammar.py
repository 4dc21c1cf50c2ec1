"""The grammar's data: agreement in every language, one translation a sentence, parts that stay apart."""

from __future__ import annotations

import hashlib
import re
from collections import Counter

import numpy as np
import pytest

from tests.training.grammar.agreement_oracle import RULES
from training.starter.grammar import LANGUAGES, Grammar, Language, Sentence
from training.starter.grammar.check import violations

_DRAWN = 6000


@pytest.fixture(scope="module")
def grammar() -> Grammar:
    return Grammar.load()


@pytest.fixture(scope="module")
def sentences(grammar: Grammar) -> list[Sentence]:
    rng = np.random.default_rng(2)
    samplers = [grammar.sampler("train")] * 8 + [grammar.sampler("combination"), grammar.sampler("template")]
    return [samplers[index % len(samplers)].draw(rng) for index in range(_DRAWN)]


def test_nothing_disagrees(sentences: list[Sentence]) -> None:
    for rule in RULES:
        texts = [sentence.text[rule.language] for sentence in sentences]
        assert [text for text in texts if rule.wrong.search(text)] == []
        assert sum(bool(rule.place.search(text)) for text in texts) >= 15, rule


def test_sentences_are_well_formed(sentences: list[Sentence]) -> None:
    for sentence in sentences:
        for language, text in sentence.text.items():
            assert not re.search(r"[{}@:;|0-9]|  | [.,?!]|^\s|\s$", text), text
            assert text.lstrip("¿")[0].isupper(), text
            assert re.search(r"[.?]$", text), text
            assert (text.count("¿") == text.count("?")) == (language == "spa" or "?" not in text), text
            assert len(text.split()) <= 16, text
        assert len({text[-1] for text in sentence.text.values()}) == 1, sentence


def test_every_sentence_has_one_translation(sentences: list[Sentence]) -> None:
    """Of what is heard: punctuation and capitals are not."""
    meanings: dict[tuple[Language, str], Sentence] = {}
    for sentence in sentences:
        for language, text in sentence.text.items():
            heard = re.sub(r"[^\w' -]", "", text).lower()
            assert meanings.setdefault((language, heard), sentence).text == sentence.text


def test_check_finds_nothing(grammar: Grammar) -> None:
    assert list(violations(grammar, per_template=100)) == []


def test_parts_stay_apart(grammar: Grammar) -> None:
    drawn: dict[str, list[Sentence]] = {}
    for part, count in (("train", 4000), ("combination", 800), ("template", 800)):
        sampler, rng = grammar.sampler(part), np.random.default_rng(5)  # type: ignore[arg-type]
        drawn[part] = [sampler.draw(rng) for _ in range(count)]
        assert {sentence.part for sentence in drawn[part]} == ({part, "stock"} if part == "train" else {part})
    held_out = {template.name for template in grammar.templates if template.held_out}
    assert {sentence.template for sentence in drawn["template"]} == held_out
    assert not held_out & {sentence.template for sentence in drawn["train"] + drawn["combination"]}
    for language in LANGUAGES:
        texts = {
            part: {sentence.text[language] for sentence in sentences} for part, sentences in drawn.items()
        }
        assert not texts["train"] & texts["combination"]
        assert not texts["train"] & texts["template"]


def test_one_combination_in_ten_is_held_out_by_its_english_text(grammar: Grammar) -> None:
    """The hash is written out again, so that nobody changes by accident what training has seen."""
    counts: Counter[str] = Counter()
    for template in grammar.templates:
        if template.named_part is not None or not 12 <= template.combinations <= 300:
            continue
        for bindings in template.all_bindings():
            sentence = template.sentence(bindings)
            assert sentence is not None
            digest = hashlib.blake2b(sentence.text["eng"].encode(), digest_size=8).digest()
            expected = "combination" if int.from_bytes(digest, "big") % 10 == 0 else "train"
            assert sentence.part == expected
            counts[expected] += 1
    assert 0.08 < counts["combination"] / counts.total() < 0.12


def test_what_one_language_does_not_say_it_is_only_given(grammar: Grammar) -> None:
    """French "Bonjour." is "Good morning.", and the translation of "Hello."."""
    sampler, rng = grammar.sampler("stock"), np.random.default_rng(3)
    drawn = {language: [sampler.draw(rng, language) for _ in range(6000)] for language in LANGUAGES}
    assert {sentence.part for sentence in drawn["eng"]} == {"stock"}
    for language, sentences in drawn.items():
        said = {sentence.text[language]: sentence for sentence in sentences}
        assert all(said[sentence.text[language]].text == sentence.text for sentence in sentences)
    assert any(
        sentence.text["fra"] == "Bonjour." for sentence in drawn["eng"] if "Hello" in sentence.text["eng"]
    )
    assert {s.text["eng"] for s in drawn["fra"] if s.text["fra"] == "Bonjour."} == {"Good morning."}


def test_numbers_alone_are_counted_aloud(grammar: Grammar) -> None:
    cardinals = {entry.key: entry.words for entry in grammar.lexicon.slot("cardinal", "test").entries}
    assert set(cardinals) == set(map(str, range(101)))
    assert [word.text for word in cardinals["1"].values()] == ["one", "uno", "un", "eins"]
    assert [word.text for word in cardinals["71"].values()][2:] == ["soixante et onze", "einundsiebzig"]


def test_it_is_as_large_as_the_card_says(grammar: Grammar) -> None:
    assert 600 <= len(list(grammar.lexicon.entries())) <= 800
    assert 500 <= len(grammar.templates) <= 700
    assert 15 <= sum(template.held_out for template in grammar.templates) <= 45
    assert sum(template.combinations for template in grammar.templates) > 100_000
