"""The evaluation sets: held-out sentences in held-out voices, synthesized afresh from a fixed seed.

Needs what training needs (espeak-ng's library; flite for the set named after it).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from benchmarks.quality.clip import Clip
from training.starter.batching import other_language
from training.starter.conditions import with_noise, without_speech
from training.starter.corpus import TextSource, speak
from training.starter.grammar import LANGUAGES, Grammar, Language
from training.starter.voices import OTHER_HELD_OUT_VOICES, Voice, draw_voice

_SEED = 2026
_KINDS = ("one", "several", "noisy", "flite", "silence", "noise")


def speech_set(kind: str, count: int) -> list[Clip]:
    """``count`` clips for each source language.

    ``one``: a sentence with silence around it, clean; ``several``: two or three sentences with pauses;
    ``noisy``: a sentence with noise 10 dB below the speech; ``flite``: a sentence by a synthesizer's voice
    that training never heard (English alone).
    """
    source = TextSource(Grammar.load(), held_out=True)
    languages: tuple[Language, ...] = ("eng",) if kind == "flite" else LANGUAGES
    return [_speech_clip(source, kind, language, index) for language in languages for index in range(count)]


def speechless_set(kind: Literal["silence", "noise"], count: int) -> list[Clip]:
    """``count`` clips of ``silence`` (digital, or a faint floor) or of ``noise`` for each language."""
    recordings = [
        without_speech(kind, np.random.default_rng([_SEED, _KINDS.index(kind), index]), held_out=True)
        for index in range(count)
    ]
    return [
        Clip(f"{kind}-{language}-{index}", samples, language, other_language(language), "", "")
        for index, samples in enumerate(recordings)
        for language in LANGUAGES
    ]


def _speech_clip(source: TextSource, kind: str, language: Language, index: int) -> Clip:
    rng = np.random.default_rng([_SEED, _KINDS.index(kind), LANGUAGES.index(language), index])
    text = source.draw(rng, int(rng.choice([2, 3])) if kind == "several" else 1, language)
    voice = draw_voice(language, rng, held_out=True)
    if kind == "flite":
        voice = Voice(language, str(rng.choice(OTHER_HELD_OUT_VOICES)), voice.rate_wpm)
    samples = speak(text.source_sentences, voice, rng)
    if kind == "noisy":
        samples = np.clip(with_noise(samples, 10.0, rng), -1.0, 1.0)
    return Clip(
        f"{kind}-{language}-{index}",
        samples,
        language,
        other_language(language),
        text.source_text,
        text.target_text,
    )
