"""Settled text: as much as all sentences agree on that begin alike, and never more than was heard."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from tests.training.text_work import grammar
from training.starter.examples.settled import Continuations, settled_counts
from training.starter.grammar import LANGUAGES, BoundSentence


@lru_cache(maxsize=1)
def continuations() -> Continuations:
    return Continuations(grammar(), per_template=40)


def bound(template: str, seed: int = 0) -> BoundSentence:
    (found,) = (each for each in grammar().templates if each.name == template)
    rng = np.random.default_rng(seed)
    while (bindings := found.bind(rng.random(len(found.slots)).tolist())) is None:
        pass
    sentence = found.sentence(bindings)
    assert sentence is not None
    return BoundSentence(sentence, found, bindings)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        pytest.param([], (0, 1, 2, 3, 4, 4), id="no other sentence: in proportion to what was heard"),
        pytest.param([(0, "Nada.")], (0, 1, 2, 3, 4, 4), id="a sentence that shares nothing"),
        pytest.param([(1, "Quisiera el té.")], (0, 0, 2, 3, 4, 4), id="one that parts after a word"),
        pytest.param([(3, "Mañana quiero té.")], (0, 0, 0, 0, 4, 4), id="one that begins otherwise"),
        pytest.param([(5, "Quiero comprar pan.")], (0, 1, 2, 2, 2, 2), id="one that goes on"),
        pytest.param([(2, "Quiero"), (4, "Quiero comprar")], (0, 1, 1, 2, 2, 4), id="the least of several"),
    ],
)
def test_settled_is_what_all_that_begin_alike_agree_on(
    others: list[tuple[int, str]], expected: tuple[int, ...]
) -> None:
    counts = settled_counts("I want to buy tea.", "Quiero comprar té hoy.", others)
    assert counts.words == expected


def test_counts_never_fall_and_never_pass_the_text() -> None:
    rng, sampler = np.random.default_rng(5), grammar().sampler("combination")
    for _ in range(40):
        sentence = sampler.draw_bound(rng)
        for language in LANGUAGES:
            for target, counts in continuations().settled(sentence, language, rng).items():
                assert counts.words[0] == 0
                assert list(counts.words) == sorted(counts.words)
                assert counts.words[-1] <= len(sentence.sentence.text[target].split())
                assert len(counts.words) == len(sentence.sentence.text[language].split()) + 1
