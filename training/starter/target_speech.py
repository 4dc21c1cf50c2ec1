"""What the vocoder and the text-to-unit stage learn to say: grammar sentences in the target voices."""

from __future__ import annotations

import numpy as np

from training.starter.corpus import TextSource
from training.starter.grammar import LANGUAGES, Grammar, Language
from training.starter.synth import Speech, synthesize
from training.starter.voices import TARGET_VOICES


class TargetSpeech:
    """Random texts of one to three sentences, spoken by their language's target voice."""

    def __init__(self, *, held_out: bool = False) -> None:
        self._texts = TextSource(Grammar.load(), held_out=held_out)

    def draw(
        self, rng: np.random.Generator, language: Language | None = None
    ) -> tuple[Language, str, Speech]:
        """Language, text and speech; the language is drawn too unless it is given."""
        chosen = language or LANGUAGES[int(rng.integers(len(LANGUAGES)))]
        text = self._texts.draw(rng, int(rng.choice([1, 2, 3], p=[0.67, 0.23, 0.1])), chosen).source_text
        return chosen, text, synthesize(text, TARGET_VOICES[chosen])
