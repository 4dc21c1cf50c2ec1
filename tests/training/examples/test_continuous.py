"""Recordings of continuous speech: their words lie where they sound, and pieces stay within bounds."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from tests.training.text_work import grammar
from training.starter.examples.continuous import (
    MAX_RECORDING_S,
    MAX_WINDOW_S,
    ContinuousSource,
    Recording,
    draw_half,
    draw_window,
)
from training.starter.grammar import LANGUAGES
from training.starter.synthesis import synth
from training.starter.synthesis.synth import SAMPLE_RATE
from training.starter.synthesis.voices import draw_voice

pytestmark = pytest.mark.skipif(not synth.is_available(), reason="libespeak-ng.so.1 is not installed")


@lru_cache(maxsize=1)
def source() -> ContinuousSource:
    return ContinuousSource(grammar(), "combination")


@lru_cache(maxsize=1)
def recordings() -> list[Recording]:
    rng = np.random.default_rng(0)
    return [
        source().record(draw_voice(language, rng, held_out=True), language, rng)
        for language in LANGUAGES
        for _ in range(6)
    ]


def test_words_follow_one_another_within_the_recording() -> None:
    for recording in recordings():
        assert len(recording.samples) <= (MAX_RECORDING_S + 2) * SAMPLE_RATE
        position = 0
        for sentence in recording.sentences:
            starts = [start for start, _ in sentence.word_spans]
            assert starts == sorted(starts)
            assert position <= starts[0]
            assert sentence.word_spans[-1][1] <= sentence.end_sample
            position = sentence.end_sample - 2000
        assert recording.sentences[-1].end_sample <= len(recording.samples)


def test_words_sound_where_they_are_said_to() -> None:
    for recording in recordings():
        inside = np.zeros(len(recording.samples), bool)
        for sentence in recording.sentences:
            for start, end in sentence.word_spans:
                inside[start:end] = True
        power = recording.samples**2
        assert power[inside].sum() > 0.97 * power.sum()


def test_halves_begin_at_the_beginning_with_nothing_said() -> None:
    rng = np.random.default_rng(2)
    for recording in recordings():
        ends = set()
        for _ in range(10):
            window = draw_half(recording, rng)
            assert window.start_sample == 0 < window.end_sample <= MAX_WINDOW_S * SAMPLE_RATE
            assert not any(window.texts.prefixes.values())
            ends.add(window.end_sample)
            if window.end_sample == len(recording.samples):
                assert not any(window.texts.rests.values())
            for target in LANGUAGES:
                whole = " ".join(filter(None, (each.texts[target] for each in recording.sentences)))
                joined = " ".join(filter(None, (window.texts.texts[target], window.texts.rests[target])))
                assert joined == whole
        assert len(ends) > 4


def test_windows_begin_and_end_anywhere_and_have_their_history() -> None:
    rng = np.random.default_rng(3)
    late = with_prefix = count = 0
    for recording in recordings():
        for _ in range(15):
            window = draw_window(recording, rng)
            length_s = (window.end_sample - window.start_sample) / SAMPLE_RATE
            assert 0 < length_s <= MAX_WINDOW_S + 1e-3
            assert 0 <= window.start_sample < window.end_sample <= len(recording.samples)
            between = not any(
                sentence.word_spans[0][0] < window.start_sample < sentence.end_sample
                for sentence in recording.sentences
            )
            for target in LANGUAGES:
                prefix, text = window.texts.prefixes[target], window.texts.texts[target]
                assert text.startswith(prefix)
                assert prefix or between or window.start_sample == 0
            count += 1
            late += window.start_sample > 0
            with_prefix += any(window.texts.prefixes.values())
    assert 0.15 * count < late < 0.9 * count
    assert with_prefix > 0.5 * count
