"""Speech of languages that the starter does not translate: its right text is empty.

The sentences are data (foreign_sentences.yaml). Half of the clips are sentences, half are their words
thrown together, so that the starter learns how the languages sound rather than what these sentences are.
Whole languages are held out for evaluation, and there the speakers are held out too.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import yaml
from numpy.typing import NDArray

from training.starter.synthesis.synth import SAMPLE_RATE, missing_synthesizers, synthesize
from training.starter.synthesis.voices import HELD_OUT_SPEAKERS, TRAIN_SPEAKERS, Voice

Samples = NDArray[np.float32]
Part = Literal["train", "held_out"]

MAX_S = 12.0
_DATA = Path(__file__).with_name("foreign_sentences.yaml")
_RECOMBINED_SHARE = 0.5
_WORDS = (3, 12)
_SENTENCE_COUNT_SHARES = {1: 0.6, 2: 0.3, 3: 0.1}


@dataclass(frozen=True, slots=True)
class ForeignLanguage:
    """`words` are those of the sentences; few where a language writes none apart."""

    name: str
    part: Part
    voices: tuple[str, ...]
    sentences: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(word for sentence in self.sentences for word in sentence.split())


@lru_cache(maxsize=1)
def languages() -> tuple[ForeignLanguage, ...]:
    content = yaml.safe_load(_DATA.read_text(encoding="utf-8"))
    return tuple(
        ForeignLanguage(name, entry["part"], tuple(entry["voices"]), tuple(entry["sentences"]))
        for name, entry in content.items()
    )


def draw_text(language: ForeignLanguage, rng: np.random.Generator) -> str:
    """One to three sentences, or as many words as a sentence or two have in any order."""
    words = language.words
    if rng.random() < _RECOMBINED_SHARE and len(words) > 3 * len(language.sentences):
        chosen = rng.choice(words, int(rng.integers(*_WORDS)))
        return " ".join(chosen)
    count = int(rng.choice(list(_SENTENCE_COUNT_SHARES), p=list(_SENTENCE_COUNT_SHARES.values())))
    return " ".join(rng.choice(language.sentences, count, replace=False))


def draw_voice(language: ForeignLanguage, rng: np.random.Generator) -> Voice:
    """Of a synthesizer that is installed, or else of espeak-ng, which every language has."""
    missing = missing_synthesizers()
    name = str(rng.choice([name for name in language.voices if name.partition(":")[0] not in missing]))
    if ":" not in name:
        speaker = str(rng.choice(HELD_OUT_SPEAKERS if language.part == "held_out" else TRAIN_SPEAKERS))
        name += f"+{speaker}" if speaker else ""
    rate_wpm, pitch, pitch_range = (int(rng.integers(*span)) for span in ((120, 216), (25, 76), (20, 81)))
    return Voice(language.name, name, rate_wpm, pitch, pitch_range)


def make(rng: np.random.Generator, *, held_out: bool = False) -> Samples:
    """Clean speech of a random language of the part, cut at `MAX_S`. Raises SynthesisError without espeak."""
    part: Part = "held_out" if held_out else "train"
    chosen = [language for language in languages() if language.part == part]
    language = chosen[int(rng.integers(len(chosen)))]
    text, voice = draw_text(language, rng), draw_voice(language, rng)
    return synthesize(text, voice).samples[: int(MAX_S * SAMPLE_RATE)]
