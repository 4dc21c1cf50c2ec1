"""Teacher durations of the T2U stage: which 20 ms units each character of a text lasts.

Every phoneme that the synthesizer reports gets its length rounded to whole units, one at least, and the
letters of a word are aligned with its phonemes. Units are then read at even distances within each phoneme
rather than every 20 ms, so that a unit depends on the sounds alone and not on how far the sentence has got.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from training.starter.synthesis.synth import Speech
from training.starter.synthesis.target_speech import HOP_SAMPLES
from training.starter.tokenizer import WORD_MARK

_VOWEL_LETTERS, _VOWEL_PHONEMES = "aeiouyœæ", "aAeEiIoOuUyY@0123V8W&"
_OFTEN_SILENT = "h'\u2019"
_OTHER_LETTER, _OTHER_KIND = 0.3, 1.5  # of a letter that goes with a sound
_SILENT_MARK, _SILENT_OFTEN, _SILENT_LETTER = 0.05, 0.2, 0.6  # of a letter that joins the sound before it
_EXTRA_PAUSE, _EXTRA_PHONEME = 0.3, 0.8  # of a sound that joins the letter before it
_JOINS_OTHER_KIND = 0.15
_MATCH, _SILENT, _EXTRA = 0, 1, 2  # steps of an alignment: both advance, the text alone, the speech alone

Kind = Literal["vowel", "consonant", "pause"]


class AlignmentError(ValueError):
    """A spoken word is not found in the text, or has no sound."""


@dataclass(frozen=True, slots=True)
class CharacterUnits:
    """`durations` (characters,): units of each, at least 1. `centres` (units,): their places in samples."""

    durations: NDArray[np.int64]
    centres: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sound:
    """A phoneme or pause, espeak's name for it, and where it lies in the samples: [start, end)."""

    name: str
    start: int
    end: int

    @property
    def is_pause(self) -> bool:
        return self.name.startswith("_")

    @property
    def kind(self) -> Kind:
        if self.is_pause:
            return "pause"
        return "vowel" if self.name[0] in _VOWEL_PHONEMES else "consonant"

    @property
    def unit_count(self) -> int:
        return max(1, round((self.end - self.start) / HOP_SAMPLES))


@dataclass(slots=True)
class Group:
    """Characters that share the time of some sounds."""

    characters: int = 0
    sounds: list[Sound] = field(default_factory=list)


def character_units(characters: Sequence[str], speech: Speech) -> CharacterUnits:
    """`characters`: the pieces of the spoken text spelled out, U+2581 for spaces. Raises AlignmentError."""
    durations: list[int] = []
    centres: list[NDArray[np.float64]] = []
    for part, sounds in _words(characters, speech):
        for group in align(part, sounds):
            counts = [sound.unit_count for sound in group.sounds]
            counts[int(np.argmax(counts))] += max(0, group.characters - sum(counts))
            for sound, count in zip(group.sounds, counts, strict=True):
                shares = (np.arange(count) + 0.5) / count
                centres.append(sound.start + shares * (sound.end - sound.start))
            ends = np.floor(np.linspace(0, sum(counts), group.characters + 1) + 0.5)
            durations += np.diff(ends).astype(int).tolist()
    return CharacterUnits(np.array(durations, np.int64), np.concatenate(centres))


def _words(characters: Sequence[str], speech: Speech) -> list[tuple[Sequence[str], list[Sound]]]:
    """Each word's characters and sounds; what lies between two words goes with the pause there, if any."""
    text = "".join(characters)
    spans, cursor = [], 0
    for word in speech.words:
        spoken = word.text.replace(" ", WORD_MARK)
        first = text.find(spoken, cursor)
        if first < 0:
            raise AlignmentError(f"characters: {spoken!r} is not in {text[cursor:]!r}")
        cursor = first + len(spoken)
        spans.append((first, cursor))
    starts = [0, *(each.start_sample for each in speech.phonemes[1:]), len(speech.samples)]
    sounds = [
        Sound(phoneme.name, start, end)
        for phoneme, (start, end) in zip(speech.phonemes, pairwise(starts), strict=True)
        if end > start
    ]
    limits = [0, *(word.start_sample for word in speech.words[1:]), len(speech.samples)]
    parts, begin = [], 0
    for index, (low, high) in enumerate(pairwise(limits)):
        inside = [sound for sound in sounds if low <= sound.start < high]
        if not inside:
            raise AlignmentError(f"speech: {speech.words[index].text!r} has no sound")
        if index + 1 == len(spans):
            end = len(characters)
        else:
            end = spans[index + 1][0] if inside[-1].is_pause else spans[index][1]
        parts.append((characters[begin:end], inside))
        begin = end
    return parts


def align(characters: Sequence[str], sounds: Sequence[Sound]) -> list[Group]:
    """Groups that cover all characters and all sounds in order: the cheapest path (edit distance)."""
    extra = [_EXTRA_PAUSE if sound.is_pause else _EXTRA_PHONEME for sound in sounds]
    costs = [list(accumulate(extra, initial=0.0))]
    steps = [[_EXTRA] * (len(sounds) + 1)]
    kinds = [sound.kind for sound in sounds]
    for character in characters:
        kind = _kind(character)
        foreign = [0.0 if each == kind else _JOINS_OTHER_KIND for each in kinds]
        silent, above = _silent_cost(character), costs[-1]
        row, row_steps = [above[0] + silent + foreign[0]], [_SILENT]
        for j, sound in enumerate(sounds):
            choices = (
                above[j] + (_OTHER_KIND if foreign[j] else _mismatch(character, sound)),
                above[j + 1] + silent + foreign[j],
                row[j] + extra[j] + foreign[j],
            )
            row_steps.append(choices.index(min(choices)))
            row.append(choices[row_steps[-1]])
        costs.append(row)
        steps.append(row_steps)
    return _groups(steps, sounds)


def _groups(steps: Sequence[Sequence[int]], sounds: Sequence[Sound]) -> list[Group]:
    path: list[tuple[int, int]] = []
    i, j = len(steps) - 1, len(sounds)
    while i or j:
        step = steps[i][j]
        path.append((step, j - 1))
        i, j = i - (step != _EXTRA), j - (step != _SILENT)
    groups = [Group()]
    for step, sound in reversed(path):
        if step == _MATCH and groups[-1].characters and groups[-1].sounds:
            groups.append(Group())
        groups[-1].characters += step != _EXTRA
        if step != _SILENT:
            groups[-1].sounds.append(sounds[sound])
    return groups


@lru_cache
def _base(character: str) -> str:
    return unicodedata.normalize("NFD", character.lower())[0]


def _kind(character: str) -> Kind:
    if not character.isalpha():
        return "pause"
    return "vowel" if _base(character) in _VOWEL_LETTERS else "consonant"


def _silent_cost(character: str) -> float:
    if character.lower() in _OFTEN_SILENT:
        return _SILENT_OFTEN
    return _SILENT_LETTER if character.isalpha() else _SILENT_MARK


def _mismatch(character: str, sound: Sound) -> float:
    """Of a letter and a sound of one kind."""
    return 0.0 if sound.is_pause or sound.name[0].lower() == _base(character) else _OTHER_LETTER
