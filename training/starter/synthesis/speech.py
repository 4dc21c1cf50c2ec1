"""What a synthesizer gives: samples, words, phonemes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
Samples = NDArray[np.float32]


class SynthesisError(RuntimeError):
    """The synthesizer is missing, does not know the voice, or gave no sound."""


@dataclass(frozen=True, slots=True)
class Word:
    """A spoken word and where it lies in the samples: [start_sample, end_sample).

    `text` runs to the next word, without the punctuation around it: espeak speaks some neighbours as one
    ("I am"), and then they are one Word, so that the words always cover the whole text. `first_character` is
    its index in the text.
    """

    text: str
    first_character: int
    start_sample: int
    end_sample: int


@dataclass(frozen=True, slots=True)
class Phoneme:
    """A sound by espeak's name for it, and where it begins; it lasts to the next. Pauses begin with "_"."""

    name: str
    start_sample: int

    @property
    def is_pause(self) -> bool:
        return self.name.startswith("_")


@dataclass(frozen=True, slots=True)
class Speech:
    """Mono float32 samples at 16 kHz within [-1, 1]; words and phonemes in order (flite reports none)."""

    samples: Samples
    words: tuple[Word, ...] = ()
    phonemes: tuple[Phoneme, ...] = ()
