"""Kinds of examples: pieces have texts in three parts, free talk has none, voices keep to their part."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from tests.training.text_work import grammar
from training.starter import corpus
from training.starter.corpus import HELD_OUT_SETS, MAX_UTTERANCE_S, TextSource, make_example
from training.starter.grammar import LANGUAGES
from training.starter.learning.schedule import FRAMES_PER_S
from training.starter.sounds import conditions
from training.starter.synthesis import synth

needs_espeak = pytest.mark.skipif(not synth.is_available(), reason="libespeak-ng.so.1 is not installed")


@lru_cache(maxsize=1)
def source() -> TextSource:
    return TextSource(grammar())


@needs_espeak
@pytest.mark.parametrize("kind", ["one", "several", "half", "window", "free"])
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


@needs_espeak
def test_training_hears_other_tapes_and_evaluation_does_not() -> None:
    rng = np.random.default_rng(2)
    speeds = {
        held_out: [corpus._draw_voice("one", "eng", rng, held_out=held_out).tape_speed for _ in range(200)]
        for held_out in (False, True)
    }
    assert set(speeds[True]) == {1.0}
    assert 0.2 < np.mean(np.array(speeds[False]) != 1.0) < 0.45
    assert 0.85 < min(speeds[False]) < 0.95 < 1.08 < max(speeds[False]) < 1.2


def test_evaluation_is_not_sent_through_the_codecs_of_training(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[int] = []

    def send_on(samples: conditions.Samples, _rng: np.random.Generator) -> conditions.Samples:
        sent.append(len(samples))
        return samples

    monkeypatch.setattr(conditions, "send_on", send_on)
    monkeypatch.setattr(conditions, "in_a_crowd", send_on)
    talk, rng = np.full(8000, 0.1, np.float32), np.random.default_rng(3)
    corpus._recorded(talk, "one", rng, held_out=True)
    corpus._recorded(talk, "telephone", rng, held_out=False)
    assert not sent
    corpus._recorded(talk, "window", rng, held_out=False)
    assert sent == [8000, 8000]


def test_shares_are_whole_and_every_new_kind_is_held_out_too() -> None:
    assert sum(corpus._KIND_SHARES.values()) == pytest.approx(1.0)
    assert sum(corpus._SPEECHLESS_SHARES.values()) == pytest.approx(1.0)
    assert sum(corpus._LANGUAGE_SHARES.values()) == pytest.approx(1.0)
    assert {"half", "window", "free"} <= corpus._KIND_SHARES.keys() & HELD_OUT_SETS.keys()
    assert all(held_out.part != "train" for held_out in HELD_OUT_SETS.values())
