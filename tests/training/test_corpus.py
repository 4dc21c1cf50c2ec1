"""Kinds of examples: pieces have texts in three parts, free talk has none, voices keep to their part."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from tests.training.text_work import grammar
from training.starter.corpus import MAX_UTTERANCE_S, make_example
from training.starter.examples.texts import TextSource
from training.starter.grammar import LANGUAGES
from training.starter.learning.schedule import FRAMES_PER_S
from training.starter.synthesis import synth

needs_espeak = pytest.mark.skipif(not synth.is_available(), reason="libespeak-ng.so.1 is not installed")


@lru_cache(maxsize=1)
def source() -> TextSource:
    return TextSource(grammar())


@needs_espeak
@pytest.mark.parametrize("kind", ["one", "several", "stock", "half", "window", "free"])
def test_examples_of_a_kind(kind: str) -> None:
    rng = np.random.default_rng(1)
    made = [make_example(source(), kind, LANGUAGES[index % 4], rng) for index in range(12)]
    assert all(0 < len(example.features) <= MAX_UTTERANCE_S * FRAMES_PER_S for example in made)
    pieces = kind in ("half", "window")
    assert all((example.spoken is not None) == pieces for example in made)
    assert any(example.has_prefix for example in made) == (kind == "window")
    assert all(not any(example.texts.values()) for example in made) == (kind == "free")
    assert any(any(example.rests.values()) for example in made) == pieces
    for example in made:
        assert all(example.texts[each].startswith(example.prefixes[each]) for each in LANGUAGES)
