"""Synthetic speech: its format, its words' times, its voices."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from training.starter.synthesis import drawn_speakers, synth
from training.starter.synthesis.synth import SynthesisError, synthesize
from training.starter.synthesis.voices import (
    HELD_OUT_SPEAKERS,
    HELD_OUT_VARIANTS,
    TARGET_VOICES,
    TRAIN_SPEAKERS,
    TRAIN_VARIANTS,
    Voice,
    draw_voice,
    is_held_out,
)

pytestmark = pytest.mark.skipif(not synth.is_available(), reason="libespeak-ng.so.1 is not installed")

TEXTS = {
    "eng": "Where is the red car? I am here.",
    "spa": "¿Dónde está el coche rojo? Estoy aquí.",
    "fra": "Où est la voiture rouge ? Je suis ici.",
    "deu": "Wo ist das rote Auto? Ich bin hier.",
}
LOW = {language: voices[0] for language, voices in TARGET_VOICES.items()}


@pytest.mark.parametrize("language", TEXTS)
def test_words_cover_the_text_in_order_and_lie_within_the_samples(language: str) -> None:
    speech = synthesize(TEXTS[language], LOW[language])
    assert speech.samples.dtype == np.float32
    assert 0.05 < np.abs(speech.samples).max() <= 0.5 + 1e-6
    spoken = "".join(c for c in TEXTS[language] if c not in "¿?.")
    assert " ".join(word.text for word in speech.words).split() == spoken.split()
    for word, following in zip(speech.words, speech.words[1:], strict=False):
        assert 0 <= word.start_sample < word.end_sample <= following.start_sample
        assert TEXTS[language][word.first_character :].startswith(word.text.split()[0])
    assert speech.words[-1].end_sample <= len(speech.samples)


def test_workers_of_either_kind_can_speak() -> None:
    """Forked from a process that has spoken already, or started anew: each has an espeak that works."""
    here = synthesize(TEXTS["eng"], LOW["eng"]).samples
    for method in ("fork", "spawn"):
        with ProcessPoolExecutor(1, mp_context=get_context(method)) as pool:
            there = pool.submit(synthesize, TEXTS["eng"], LOW["eng"]).result(timeout=60).samples
        # espeak carries a little state from call to call: the pause between sentences may differ
        assert len(there) == pytest.approx(len(here), rel=0.03), method


def test_every_voice_is_known_to_espeak_and_is_its_own() -> None:
    sounds = {}
    for language in TEXTS:
        for variant in (*TRAIN_VARIANTS[language], *HELD_OUT_VARIANTS[language]):
            sounds[variant] = synthesize(TEXTS[language], Voice(language, variant)).samples.tobytes()
    assert len(set(sounds.values())) == len(sounds)  # an unknown variant would fall back to another's sound
    speakers = [
        synthesize(TEXTS["eng"], Voice("eng", f"en-us+{name}" if name else "en-us")).samples.tobytes()
        for name in (*TRAIN_SPEAKERS, *HELD_OUT_SPEAKERS)
    ]
    assert len(set(speakers)) > 0.85 * len(speakers)  # a few of espeak's variants are twins


def test_drawn_speakers_are_found_and_have_throats_of_their_own() -> None:
    voices = [Voice("eng", f"en-us+{name}") for name in ("", *drawn_speakers.NAMES[::40])]
    sounds = [synthesize(TEXTS["eng"], voice).samples for voice in voices]
    spectra = [np.log(np.abs(np.fft.rfft(sound, 1 << 17)).reshape(-1)[: 1 << 16].reshape(64, -1).mean(1))
               for sound in sounds]  # fmt: skip
    alike = np.corrcoef(spectra) - np.eye(len(spectra))
    assert alike.max() < 0.999
    assert all(len(sound) > 1.5 * synth.SAMPLE_RATE for sound in sounds)


def test_an_unknown_voice_is_refused() -> None:
    with pytest.raises(SynthesisError, match=r"voice\.name"):
        synthesize("hello", Voice("eng", "en-atlantis"))


@pytest.mark.parametrize("language", TEXTS)
def test_held_out_voices_are_never_drawn_for_training(language: str) -> None:
    rng = np.random.default_rng(0)
    trained = [draw_voice(language, rng, other_share=0.1) for _ in range(400)]
    held_out = [draw_voice(language, rng, held_out=True, other_share=0.1) for _ in range(400)]
    assert not any(is_held_out(voice) for voice in trained)
    assert all(is_held_out(voice) for voice in held_out)
    assert not {voice.name for voice in trained} & {voice.name for voice in held_out}
    assert {voice.synthesizer for voice in trained} > {"espeak"}
