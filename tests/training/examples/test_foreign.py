"""Speech that is not to be translated: each language in its own voice, some for evaluation alone."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from training.starter.examples import foreign
from training.starter.examples.foreign import ForeignLanguage
from training.starter.synthesis import synth
from training.starter.synthesis.speech import Speech
from training.starter.synthesis.synth import SAMPLE_RATE, synthesize
from training.starter.synthesis.voices import HELD_OUT_SPEAKERS, Voice

needs_espeak = pytest.mark.skipif(not synth.is_available(), reason="libespeak-ng.so.1 is not installed")

LANGUAGES = foreign.languages()


def test_there_are_many_languages_in_both_parts() -> None:
    parts = Counter(language.part for language in LANGUAGES)
    assert parts["train"] >= 12
    assert parts["held_out"] >= 5
    assert not {language.name for language in LANGUAGES} & {"english", "spanish", "french", "german"}
    held_out = {voice for each in LANGUAGES if each.part == "held_out" for voice in each.voices}
    assert not held_out & {voice for each in LANGUAGES if each.part == "train" for voice in each.voices}


@needs_espeak
@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.name)
def test_espeak_speaks_every_sentence_in_the_language_itself(language: ForeignLanguage) -> None:
    """Where espeak does not know the script it goes over to another language, "(en)", or spells."""
    for voice in language.voices:
        if ":" in voice:
            continue
        for sentence in language.sentences:
            speech = synthesize(sentence, Voice(language.name, voice))
            assert not any("(" in phoneme.name for phoneme in speech.phonemes), sentence
            assert 0.8 < len(speech.samples) / SAMPLE_RATE < 6.0, sentence


@pytest.mark.parametrize("held_out", [False, True])
def test_languages_and_speakers_keep_to_their_part(monkeypatch: pytest.MonkeyPatch, held_out: bool) -> None:
    heard: list[Voice] = []

    def listen(text: str, voice: Voice) -> Speech:
        heard.append(voice)
        return Speech(np.zeros(20 * SAMPLE_RATE, np.float32))

    monkeypatch.setattr(foreign, "synthesize", listen)
    rng = np.random.default_rng(0)
    assert len(foreign.make(rng, held_out=held_out)) == foreign.MAX_S * SAMPLE_RATE
    for _ in range(300):
        foreign.make(rng, held_out=held_out)
    part = "held_out" if held_out else "train"
    assert {voice.language for voice in heard} == {each.name for each in LANGUAGES if each.part == part}
    speakers = {voice.name.partition("+")[2] for voice in heard if voice.synthesizer == "espeak"}
    assert bool(speakers & set(HELD_OUT_SPEAKERS)) == held_out
    assert (speakers <= set(HELD_OUT_SPEAKERS)) == held_out
