"""What the vocoder and the text-to-unit stage learn to say: grammar sentences in the target voices.

Units are those of speaker 0's speech. Speaker 1 of a language speaks the same phonemes a little faster or
slower, so that each moment of it has its counterpart in what speaker 0 makes of the text.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.starter.examples.texts import TextSource
from training.starter.grammar import LANGUAGES, Grammar, Language, Part
from training.starter.synthesis.synth import Speech, SynthesisError, synthesize
from training.starter.synthesis.voices import TARGET_VOICES

HOP_SAMPLES = 320
"""Samples of a unit at 16 kHz: 20 ms."""

_GAIN = 0.7  # fixed: a unit must not depend on how loud the loudest sound of its sentence is


class TargetSpeech:
    """Random texts of one to three sentences in a random language."""

    def __init__(self, part: Part = "train") -> None:
        self._texts = TextSource(Grammar.load(), part=part)

    def draw(self, rng: np.random.Generator, language: Language | None = None) -> tuple[Language, str]:
        """A language, drawn too unless it is given, and a text in it."""
        chosen = language or LANGUAGES[int(rng.integers(len(LANGUAGES)))]
        return chosen, self._texts.draw(rng, int(rng.choice([1, 2, 3], p=[0.67, 0.23, 0.1]))).text(chosen)


def speak(text: str, language: Language, speaker_id: int = 0) -> Speech:
    """`text` in a target voice, at the same level in every sentence. Raises SynthesisError."""
    return synthesize(text, TARGET_VOICES[language][speaker_id], gain=_GAIN)


def hop_centres(sample_count: int) -> NDArray[np.float64]:
    """(sample_count // 320,) the middle of every whole hop, in samples."""
    return (np.arange(sample_count // HOP_SAMPLES) + 0.5).astype(np.float64) * HOP_SAMPLES


def counterparts(centres: NDArray[np.float64], speech: Speech, reference: Speech) -> NDArray[np.float64]:
    """Where in `reference` the same text has got as far as `speech` has at `centres`, in samples.

    Piecewise linear between the starts of the phonemes. Raises SynthesisError when these differ.
    """
    if [each.name for each in speech.phonemes] != [each.name for each in reference.phonemes]:
        raise SynthesisError("reference: its phonemes are not those of speech")
    knots = [
        [0, *(each.start_sample for each in spoken.phonemes), len(spoken.samples)]
        for spoken in (speech, reference)
    ]
    return np.interp(centres, *np.maximum.accumulate(knots, axis=1)).astype(np.float64)
