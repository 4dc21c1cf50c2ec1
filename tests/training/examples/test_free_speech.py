"""Talk outside the phrasebook: many texts, none of them of the phrasebook, evaluation's apart."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.text_work import grammar
from training.starter.examples import free_speech
from training.starter.examples.free_speech import draw_text, free_talk, invented_word
from training.starter.grammar import LANGUAGES, Language
from training.starter.grammar.check import draw, spoken


@pytest.mark.parametrize("language", LANGUAGES)
def test_sentences_and_names_of_training_and_evaluation_are_apart(language: Language) -> None:
    trained, held_out = free_talk(language), free_talk(language, held_out=True)
    assert len(set(trained.sentences)) == len(trained.sentences) >= 30
    assert len(set(held_out.sentences)) == len(held_out.sentences) >= 14
    assert not set(trained.sentences) & set(held_out.sentences)
    assert not set(trained.names) & set(held_out.names)
    assert min(len(trained.names), len(held_out.names)) >= 19


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_sentence_is_made_of_the_words_of_the_phrasebook(language: Language) -> None:
    rng = np.random.default_rng(0)
    known = {
        word
        for template in grammar().templates
        for sentence in draw(template, 100, rng)
        for word in spoken(sentence.text[language]).split()
    }
    for held_out in (False, True):
        for sentence in free_talk(language, held_out=held_out).sentences:
            assert sum(word not in known for word in spoken(sentence).split()) >= 2, sentence


@pytest.mark.parametrize("language", LANGUAGES)
def test_texts_differ_and_frames_are_filled(language: Language) -> None:
    rng = np.random.default_rng(1)
    texts = [draw_text(language, rng) for _ in range(400)]
    assert len(set(texts)) > 330
    assert not any("NAME" in text or "NUMBER" in text or "  " in text for text in texts)
    assert any(set(text.split()) & set(free_talk(language).names) for text in texts)
    whole = sum(text in free_talk(language).sentences for text in texts)
    assert 40 < whole < 140


@pytest.mark.parametrize("language", LANGUAGES)
def test_made_up_words_are_spelled_as_the_language_spells(language: Language) -> None:
    rng, talk = np.random.default_rng(2), free_talk(language)
    words = [invented_word(talk, rng) for _ in range(300)]
    assert all(3 <= len(word) <= 12 and word.replace("'", "").isalpha() for word in words)
    assert len(set(words)) > 150
    real = {word for sentence in talk.sentences for word in spoken(sentence).split()}
    assert sum(word in real for word in words) < 150
    pairs = {
        text[i : i + 2] for text in (*real, *(spoken(name) for name in talk.names)) for i in range(len(text))
    }
    assert all(word[i : i + 2] in pairs for word in words for i in range(len(word) - 1))


def test_each_number_is_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_speech, "num2words", lambda number, lang: f"<{lang} {number}>")
    text = free_speech._filled("NUMBER by NUMBER", free_talk("deu"), "deu", np.random.default_rng(3))
    first, second = text.split(" by ")
    assert first != second
    assert first.startswith("<de ")


def test_talkers_at_once_keep_the_level_of_one() -> None:
    rng = np.random.default_rng(4)
    takes = [rng.standard_normal(count).astype(np.float32) for count in (9000, 16_000, 12_000)]
    talk = free_speech.at_once(takes)
    assert len(talk) == 16_000
    assert talk[:9000].std() == pytest.approx(1.0, abs=0.05)
    counts = [free_speech.draw_talkers(rng) for _ in range(500)]
    assert set(counts) == {1, 2, 3, 4, 5}
    assert 0.7 < counts.count(1) / 500 < 0.9
