"""Sentences of a text: where they end, and that nothing is lost."""

from __future__ import annotations

import functools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models.seamless.modules import checkpoint
from translate_svc.engine.options import EngineLimits
from translate_svc.models.seamless.tokenizer import SentencePieceTokenizer
from translate_svc.session.long_text.sentences import (
    MAX_SENTENCE_CHARACTERS,
    Sentence,
    sentences_of,
    separator,
)


@functools.cache
def tokenizer() -> SentencePieceTokenizer:
    starter = checkpoint("starter")
    languages = starter.maps.text_languages
    return SentencePieceTokenizer.from_pretrained(starter.path, config=starter.config, languages=languages)


def cut(text: str, language: str = "eng") -> list[str]:
    return [sentence.text for sentence in sentences_of(text, language)]


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("eng", ["Dr. Smith paid 3.50 dollars.", "Did he?", "Yes!"]),
        ("spa", ["¿Dónde está?", "El Sr. García llegó.", "¡Hola!"]),
        ("fra", ["Où est la gare ?", "« Bonjour ! » dit-il.", "Fin."]),
        ("deu", ["Am 3. Oktober ist z. B. ein Feiertag.", "Gut!"]),
        ("hin", ["मेरा नाम राम है।", "आप कैसे हैं?"]),
    ],
)
def test_sentences_end_where_readers_see_their_end(language: str, expected: list[str]) -> None:
    assert cut(" ".join(expected), language) == expected


def test_a_script_without_spaces_has_sentences_too() -> None:
    assert cut("你好。你叫什么名字？我叫小明！", "cmn") == ["你好。", "你叫什么名字？", "我叫小明！"]


def test_a_line_ends_a_sentence_unless_the_text_was_wrapped_there() -> None:
    assert cut("Milk\nBread\r\nCheese") == ["Milk", "Bread", "Cheese"]
    wrapped = "We would like to know when the next train\nto Paris leaves, please."
    assert cut(wrapped) == [wrapped]


def test_line_breaks_are_kept_and_languages_have_their_own_space() -> None:
    first, second, third = sentences_of("Hello.  Good morning.\n\nBye.", "eng")
    assert first.before == ""
    assert [separator(each, "spa") for each in (second, third)] == [" ", "\n\n"]
    assert [separator(each, "jpn") for each in (second, third)] == ["", "\n\n"]


@pytest.mark.parametrize(
    ("language", "text", "marks"),
    [
        ("eng", "1. Where is it?\n2. Over there.\n10. Yes.", ["1. ", "2. ", "10. "]),
        ("eng", "# Travel\n\n* Good morning.\n* Thanks.\n(3) Bye.", ["# ", "* ", "* ", "(3) "]),
        ("fra", "\u2014 Bonjour. \u2014 Salut !", ["\u2014 ", "\u2014 "]),
        ("eng", "***\nHello.", ["***\n"]),
        ("deu", "3. Oktober ist ein Feiertag.", [""]),
        ("eng", "-5 degrees. It is 5 - 3.", ["", ""]),
        ("spa", "-Hola.\n-¿Qué tal?", ["-", "-"]),
        ("eng", "7.", [""]),
    ],
)
def test_marks_of_lists_headings_and_dialogues_are_not_translated(
    language: str, text: str, marks: list[str]
) -> None:
    assert [each.mark for each in sentences_of(text, language)] == marks


def test_a_sentence_without_end_is_cut_between_words() -> None:
    pieces = cut("word " * 500)
    assert max(map(len, pieces)) <= MAX_SENTENCE_CHARACTERS
    assert " ".join(pieces) == ("word " * 500).strip()


@given(
    st.text(st.sampled_from("aB .,!?\n\r\t。«»\"()1…'-*🙂"), min_size=1, max_size=900),
    st.sampled_from(["eng", "cmn"]),
)
def test_nothing_but_white_space_is_lost(text: str, language: str) -> None:
    found = sentences_of(text, language)
    assert found
    kept = "".join(each.mark + each.text + each.behind for each in found)
    assert "".join(kept.split()) == "".join(text.split())
    assert all(len(each.text) <= MAX_SENTENCE_CHARACTERS for each in found)
    assert isinstance(found[0], Sentence)


@pytest.mark.parametrize("characters", ["qxzjkvwyp", "0123456789abcdef", "qxz/?=& "])
def test_a_line_that_is_no_language_fits_the_engine_too(characters: str) -> None:
    """Addresses, keys and rows of digits are a token a character."""
    text = "".join(random.Random(1).choices(characters, k=900))
    longest = max(len(tokenizer().source_tokens(each, "eng")) for each in cut(text))
    assert longest <= EngineLimits().max_source_tokens


def test_what_stands_between_quotation_marks_has_sentences_too() -> None:
    first, second = sentences_of("\u201cGood morning. How are you?\u201d", "eng")
    assert first == Sentence("Good morning.", mark="\u201c")
    assert second == Sentence("How are you?", before=" ", behind="\u201d")


@pytest.mark.parametrize("text", ["\U0001f642", "***", "\u266a \u266a", "?!"])
def test_a_text_without_a_word_is_a_mark(text: str) -> None:
    assert sentences_of(text, "eng") == [Sentence("", mark=text)]


def test_a_text_that_cannot_be_seen_is_one_empty_sentence() -> None:
    assert sentences_of("\u200b\u00ad", "eng") == [Sentence("")]
