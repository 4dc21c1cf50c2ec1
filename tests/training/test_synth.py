"""Synthetic speech: its format, its words' times, its voices."""

from __future__ import annotations

import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from numpy.typing import NDArray

from training.starter import synth
from training.starter.synth import SAMPLE_RATE, SynthesisError, synthesize
from training.starter.voices import (
    HELD_OUT_SPEAKERS,
    HELD_OUT_VARIANTS,
    TARGET_SPEAKER_IDS,
    TARGET_VOICES,
    TRAIN_SPEAKERS,
    TRAIN_VARIANTS,
    Voice,
    draw_voice,
    is_held_out,
)

pytestmark = pytest.mark.skipif(not synth.is_available(), reason="libespeak-ng.so.1 is not installed")

TEXTS = {"eng": "Where is the red car? I am here.", "spa": "¿Dónde está el coche rojo? Estoy aquí."}


@pytest.mark.parametrize("language", ["eng", "spa"])
def test_words_cover_the_text_in_order_and_lie_within_the_samples(language: str) -> None:
    speech = synthesize(TEXTS[language], TARGET_VOICES[language])
    assert speech.samples.dtype == np.float32
    assert 0.05 < np.abs(speech.samples).max() <= 0.5 + 1e-6
    assert " ".join(word.text for word in speech.words) == "".join(
        c for c in TEXTS[language] if c not in "¿?."
    )
    for word, following in zip(speech.words, speech.words[1:], strict=False):
        assert 0 <= word.start_sample < word.end_sample <= following.start_sample
        assert TEXTS[language][word.first_character :].startswith(word.text.split()[0])
    assert speech.words[-1].end_sample <= len(speech.samples)


def test_word_times_are_where_the_sound_is() -> None:
    """The pause between the sentences is quiet, and every word is loud somewhere."""
    speech = synthesize(TEXTS["eng"], TARGET_VOICES["eng"])
    for word in speech.words:
        assert np.abs(speech.samples[word.start_sample : word.end_sample]).max() > 0.05
    texts = [word.text for word in speech.words]
    pause = speech.samples[
        speech.words[texts.index("car")].end_sample : speech.words[texts.index("I am")].start_sample
    ]
    assert len(pause) > 0.1 * SAMPLE_RATE
    middle = pause[len(pause) // 3 : -len(pause) // 3]
    assert np.abs(middle).max() < 0.02


def test_workers_of_either_kind_can_speak() -> None:
    """Forked from a process that has spoken already, or started anew: each has an espeak that works."""
    here = synthesize(TEXTS["eng"], TARGET_VOICES["eng"]).samples
    for method in ("fork", "spawn"):
        with ProcessPoolExecutor(1, mp_context=get_context(method)) as pool:
            there = pool.submit(synthesize, TEXTS["eng"], TARGET_VOICES["eng"]).result(timeout=60).samples
        # espeak carries a little state from call to call: the pause between sentences may differ
        assert len(there) == pytest.approx(len(here), rel=0.03), method


def fundamental_hz(samples: NDArray[np.float32]) -> list[float]:
    """By autocorrelation over 64 ms, of the loud frames, between 70 and 250 Hz."""
    found = []
    for start in range(0, len(samples) - 1024, 512):
        frame = samples[start : start + 1024] - samples[start : start + 1024].mean()
        if np.mean(frame**2) > 2e-3:
            correlation = np.correlate(frame, frame, "full")[1023:]
            found.append(SAMPLE_RATE / (64 + int(np.argmax(correlation[64:228]))))
    return found


@pytest.mark.parametrize(("language", "hertz"), [("eng", 100.0), ("spa", 150.0)])
def test_target_voices_hold_a_whole_number_of_periods_a_unit(language: str, hertz: float) -> None:
    measured = fundamental_hz(synthesize(TEXTS[language], TARGET_VOICES[language]).samples)
    assert len(measured) > 10
    assert np.median(measured) == pytest.approx(hertz, rel=0.02)


def test_every_voice_is_known_to_espeak_and_is_its_own() -> None:
    lengths = {}
    for language in ("eng", "spa"):
        for variant in (*TRAIN_VARIANTS[language], *HELD_OUT_VARIANTS[language]):
            samples = synthesize(TEXTS[language], Voice(language, variant)).samples
            lengths[variant] = samples.tobytes()
    assert len(set(lengths.values())) == len(lengths)  # an unknown variant would fall back to another's sound
    speakers = [
        synthesize(TEXTS["eng"], Voice("eng", f"en-us+{name}" if name else "en-us")).samples.tobytes()
        for name in (*TRAIN_SPEAKERS, *HELD_OUT_SPEAKERS)
    ]
    assert len(set(speakers)) > 0.85 * len(speakers)  # a few of espeak's variants are twins


def test_an_unknown_voice_is_refused() -> None:
    with pytest.raises(SynthesisError, match=r"voice\.name"):
        synthesize("hello", Voice("eng", "en-atlantis"))


def test_text_without_sound_is_refused() -> None:
    with pytest.raises(SynthesisError, match="text"):
        synthesize("", Voice("eng", "en-us"))


def test_held_out_voices_are_never_drawn_for_training() -> None:
    rng = np.random.default_rng(0)
    for language in ("eng", "spa"):
        trained = [draw_voice(language, rng, flite_share=0.1) for _ in range(400)]
        held_out = [draw_voice(language, rng, held_out=True, flite_share=0.1) for _ in range(400)]
        assert not any(is_held_out(voice) for voice in trained)
        assert all(is_held_out(voice) for voice in held_out)
        assert not {voice.name for voice in trained} & {voice.name for voice in held_out}


def test_speaker_ids_are_distinct() -> None:
    assert sorted(TARGET_SPEAKER_IDS.values()) == list(range(len(TARGET_VOICES)))


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_flite_speaks_too() -> None:
    slow = synthesize("hello there", Voice("eng", "flite:slt", rate_wpm=120))
    fast = synthesize("hello there", Voice("eng", "flite:slt", rate_wpm=210))
    assert len(slow.samples) > 1.3 * len(fast.samples) > 0.3 * SAMPLE_RATE
    assert slow.words == ()
