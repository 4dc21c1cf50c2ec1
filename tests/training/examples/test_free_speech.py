"""Talk outside the phrasebook: many texts, none of them of the phrasebook, evaluation's apart."""

from __future__ import annotations

import numpy as np
import pytest

from tests.training.text_work import grammar
from training.starter.examples.free_speech import free_talk
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
