"""When each word of translated speech is heard by somebody who plays it as it comes, without gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.simultaneous.words import Word
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, SAMPLES_PER_UNIT, Samples

_SAMPLES_PER_MS = INTERNAL_SAMPLE_RATE_HZ // 1000


@dataclass(frozen=True, slots=True, eq=False)
class Sound:
    """A piece of an utterance's speech at 16 kHz, from ``start_sample`` of that speech on.

    ``heard_ms`` and ``arrived_ms`` are as those of ``words.Delta``. ``character_durations`` are in units of
    20 ms, where they are known.
    """

    utterance_id: int
    start_sample: int
    samples: Samples
    heard_ms: float
    arrived_ms: float
    character_durations: tuple[int, ...] = ()

    @property
    def end_sample(self) -> int:
        return self.start_sample + len(self.samples)


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """A piece that begins to sound at ``starts_ms``."""

    sound: Sound
    starts_ms: float


def play(sounds: Sequence[Sound], *, arrivals: bool = False) -> list[Played]:
    """Each as soon as it is there and the one before has ended: by ``heard_ms``, or with ``arrivals`` by when
    it came.
    """
    played, free_ms = [], 0.0
    for sound in sounds:
        if not len(sound.samples):
            continue
        starts_ms = max(free_ms, sound.arrived_ms if arrivals else sound.heard_ms)
        played.append(Played(sound, starts_ms))
        free_ms = starts_ms + len(sound.samples) / _SAMPLES_PER_MS
    return played


def word_sounds_ms(words: Sequence[Word], texts: dict[int, str], played: Sequence[Played]) -> list[float]:
    """When each of ``words`` begins to sound; NaN for one of an utterance that has no speech.

    By the durations of characters where they are known for the whole text, else in proportion to them.
    """
    pieces: dict[int, list[Played]] = {}
    for each in played:
        pieces.setdefault(each.sound.utterance_id, []).append(each)
    places = {
        number: _character_starts(texts.get(number, ""), [each.sound for each in group])
        for number, group in pieces.items()
    }
    return [
        _moment_ms(float(places[word.utterance_id][word.place]), pieces[word.utterance_id])
        if word.utterance_id in pieces
        else float("nan")
        for word in words
    ]


def sentence_sounds(
    words: Sequence[Word], texts: dict[int, str], sounds: Sequence[Sound]
) -> list[tuple[str, Samples]]:
    """What is said and how it sounds, cut after each word that ends a sentence."""
    pieces: dict[int, list[Sound]] = {}
    for each in sounds:
        pieces.setdefault(each.utterance_id, []).append(each)
    found = []
    for number, group in pieces.items():
        starts = _character_starts(texts.get(number, ""), group)
        speech = np.concatenate([each.samples for each in group])
        own = [word for word in words if word.utterance_id == number]
        first = 0
        for index, word in enumerate(own):
            if word.text[-1] in ".?!" or index + 1 == len(own):
                begin = 0 if first == 0 else round(starts[own[first].place])
                end = len(speech) if index + 1 == len(own) else round(starts[own[index + 1].place])
                found.append((" ".join(each.text for each in own[first : index + 1]), speech[begin:end]))
                first = index + 1
    return found


def _character_starts(text: str, sounds: Sequence[Sound]) -> np.ndarray:
    """The sample of the utterance's speech at which each character of its text begins."""
    total = max(sound.end_sample for sound in sounds)
    durations = np.array([each for sound in sounds for each in sound.character_durations], float)
    leading = len(durations) - len(text)  # speech begins with the sound of a space or two
    if len(text) and 0 <= leading <= 2 and abs(durations.sum() * SAMPLES_PER_UNIT - total) < total * 0.05:
        starts = np.concatenate([[0.0], np.cumsum(durations)[:-1]]) * SAMPLES_PER_UNIT
        return np.asarray(starts[leading:])
    return np.linspace(0.0, total, len(text), endpoint=False)


def _moment_ms(sample: float, pieces: Sequence[Played]) -> float:
    for piece in pieces:
        if sample < piece.sound.end_sample:
            return piece.starts_ms + max(0.0, sample - piece.sound.start_sample) / _SAMPLES_PER_MS
    last = pieces[-1]
    return last.starts_ms + len(last.sound.samples) / _SAMPLES_PER_MS
