"""When each word of translated speech is heard by somebody who plays it as it comes, without gaps."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from benchmarks.simultaneous.words import Word
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, SAMPLES_PER_UNIT, Samples

_SAMPLES_PER_MS = INTERNAL_SAMPLE_RATE_HZ // 1000
_UNHEARD_MS = 5.0
_TOLERANCE = 0.01
_SILENT = np.empty(0, np.float32)
_TITLES = frozenset({"Mr.", "Mrs.", "Sr.", "Sra.", "M.", "Mme."})
"""Their full stop ends no sentence."""


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


class StreamSpeech:
    """All speech of a stream, one utterance after the other, and where the characters of its texts sound.

    An utterance that continues the one before it follows without a break: the last units of a text may
    be voiced with the utterance that follows. So places are counted from the start of the stream.

    By the durations of characters where they are known for the whole stream, else in proportion to them.
    """

    def __init__(self, texts: Mapping[int, str], sounds: Sequence[Sound]) -> None:
        self.samples = np.concatenate([_SILENT, *(each.samples for each in sounds)])
        groups: dict[int, list[Sound]] = {}
        for each in sounds:
            groups.setdefault(each.utterance_id, []).append(each)
        known = _known_starts(texts, groups, len(self.samples))
        self._starts = known or _even_starts(texts, groups)

    def has(self, utterance_id: int) -> bool:
        """Whether an utterance has speech."""
        return utterance_id in self._starts

    def at(self, utterance_id: int, place: int) -> float:
        """The sample at which a character of an utterance's text begins, or its speech ends."""
        return float(self._starts[utterance_id][place])


def word_sounds_ms(words: Sequence[Word], speech: StreamSpeech, played: Sequence[Played]) -> list[float]:
    """When each of ``words`` begins to sound; NaN for one of an utterance that has no speech."""
    ends = np.cumsum([len(each.sound.samples) for each in played])

    def moment_ms(sample: float) -> float:
        index = min(int(np.searchsorted(ends, sample, side="right")), len(played) - 1)
        piece = played[index]
        begin = float(ends[index]) - len(piece.sound.samples)
        return piece.starts_ms + (sample - begin) / _SAMPLES_PER_MS

    return [
        moment_ms(speech.at(word.utterance_id, word.place)) if speech.has(word.utterance_id) else float("nan")
        for word in words
    ]


def torn_words(words: Sequence[Word], speech: StreamSpeech, played: Sequence[Played]) -> int:
    """How many words have a silence within them, because what follows was not there in time."""
    breaks: list[float] = []
    place = 0
    for before, after in pairwise(played):
        place += len(before.sound.samples)
        silent_ms = after.starts_ms - before.starts_ms - len(before.sound.samples) / _SAMPLES_PER_MS
        if silent_ms > _UNHEARD_MS:
            breaks.append(place)
    spans = [
        (speech.at(each.utterance_id, each.place), speech.at(each.utterance_id, each.place + len(each.text)))
        for each in words
        if speech.has(each.utterance_id)
    ]
    return sum(any(start < each < end for each in breaks) for start, end in spans)


def ends_sentence(word: str) -> bool:
    """Whether a word of a text is the last one of its sentence."""
    return word[-1] in ".?!" and word not in _TITLES


def sentence_sounds(
    words: Sequence[Word], speech: StreamSpeech, continued: Container[int]
) -> list[tuple[str, Samples]]:
    """Texts and their sound, cut after each word that ends a sentence.

    ``continued``: utterances whose last sentence continues in the next one.
    """
    spoken = [word for word in words if speech.has(word.utterance_id)]
    cuts = [0]
    sentences: list[list[str]] = [[]]
    for word, after in pairwise(spoken):
        sentences[-1].append(word.text)
        goes_on = after.utterance_id == word.utterance_id or word.utterance_id in continued
        if ends_sentence(word.text) or not goes_on:
            cuts.append(round(speech.at(word.utterance_id, word.place + len(word.text))))
            sentences.append([])
    sentences[-1] += [word.text for word in spoken[-1:]]
    return [
        (" ".join(texts), speech.samples[start:end])
        for texts, start, end in zip(sentences, cuts, [*cuts[1:], len(speech.samples)], strict=True)
        if texts
    ]


def _known_starts(
    texts: Mapping[int, str], groups: Mapping[int, Sequence[Sound]], total: int
) -> dict[int, np.ndarray] | None:
    """Of each utterance: where each character begins, and where the last one ends; None if durations are
    missing.
    """
    starts, begin = {}, 0
    for number, sounds in groups.items():
        durations = [each for sound in sounds for each in sound.character_durations]
        text = texts.get(number, "")
        leading = len(durations) - len(text)  # speech begins with the sound of a space or two
        if not durations or not 0 <= leading <= 2:
            return None
        places = begin + np.cumsum([0, *durations]) * SAMPLES_PER_UNIT
        starts[number] = places[leading:]
        begin = int(places[-1])
    return starts if abs(begin - total) < total * _TOLERANCE else None


def _even_starts(texts: Mapping[int, str], groups: Mapping[int, Sequence[Sound]]) -> dict[int, np.ndarray]:
    """As ``_known_starts``, as if all characters of an utterance were equally long."""
    starts, begin = {}, 0
    for number, sounds in groups.items():
        end = begin + sum(len(each.samples) for each in sounds)
        starts[number] = np.linspace(begin, end, len(texts.get(number, "")) + 1)
        begin = end
    return starts
