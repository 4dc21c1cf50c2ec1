"""Teacher durations of the T2U stage: how many 20 ms units each character of a text lasts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from training.starter.synth import Word

_WEIGHTS = {"vowel": 1.3, "silent": 0.6, "other": 1.0}


def character_durations(
    characters: Sequence[str], words: Sequence[Word], unit_count: int, hop_samples: int = 320
) -> NDArray[np.int64] | None:
    """Units of each of `characters` (pieces spelled out, U+2581 for spaces): at least 1, `unit_count` in all.

    A word's time is spread over its letters by weight; the time between two words goes to the spaces and
    marks between them. None when a word cannot be found or there are more characters than units.
    """
    count = len(characters)
    if count > unit_count or not words:
        return None
    ends = np.full(count, -1.0)
    cursor, previous_end = 0, 0.0
    text = "".join(characters)
    for word in words:
        spoken = word.text.replace(" ", "\u2581")
        first = text.find(spoken, cursor)
        if first < 0:
            return None
        start, end = word.start_sample / hop_samples, word.end_sample / hop_samples
        _spread(ends, cursor, first, previous_end, start, None)
        weights = np.array([_weight(character) for character in spoken])
        _spread(ends, first, first + len(spoken), start, end, weights)
        cursor, previous_end = first + len(spoken), end
    _spread(ends, cursor, count, previous_end, float(unit_count), None)
    return _whole_units(ends, unit_count)


def _spread(
    ends: NDArray[np.float64],
    first: int,
    last: int,
    start: float,
    end: float,
    weights: NDArray[np.float64] | None,
) -> None:
    """Sets the end times of the characters [first, last) that share the time from `start` to `end`."""
    if last > first:
        shares = np.ones(last - first) if weights is None else weights
        ends[first:last] = start + max(0.0, end - start) * np.cumsum(shares) / shares.sum()


def _whole_units(ends: NDArray[np.float64], unit_count: int) -> NDArray[np.int64]:
    """Rounds end times so that every character keeps one unit and the last ends at `unit_count`."""
    positions = np.arange(1, len(ends) + 1)
    rounded = np.maximum.accumulate(np.round(ends).astype(np.int64) - positions) + positions
    rounded = np.clip(rounded, positions, unit_count - (len(ends) - positions))
    rounded[-1] = unit_count
    return np.diff(rounded, prepend=0)


def _weight(character: str) -> float:
    kind = (
        "vowel"
        if character.lower() in "aeiouáéíóúy"
        else "silent"
        if character.lower() in "h'\u2581-"
        else "other"
    )
    return _WEIGHTS[kind]
