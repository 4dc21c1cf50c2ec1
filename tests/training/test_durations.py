"""Teacher durations: nobody without a unit, nothing lost, words where the synthesizer put them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.starter.durations import character_durations
from training.starter.synth import Word

_HOP = 320


def _word(text: str, start_units: float, end_units: float) -> Word:
    return Word(text, 0, round(start_units * _HOP), round(end_units * _HOP))


def test_words_and_pauses_keep_their_time() -> None:
    characters = list("\u2581Good\u2581day.")
    durations = character_durations(characters, [_word("Good", 2, 10), _word("day", 16, 25)], 30)
    assert durations is not None
    ends = np.cumsum(durations)
    assert ends[0] == 2  # the mark before the first word takes the silence before it
    assert ends[4] == 10
    assert ends[5] == 16  # the pause belongs to the mark between the words
    assert ends[8] == 25
    assert ends[9] == 30


def test_vowels_last_longer() -> None:
    durations = character_durations(list("\u2581ta"), [_word("ta", 1, 47)], 48)
    assert durations is not None
    assert durations[2] > durations[1]


def test_no_answer_without_room_or_words() -> None:
    assert character_durations(list("\u2581Hello"), [_word("Hello", 0, 4)], 5) is None
    assert character_durations(list("\u2581Hello"), [_word("Bye", 0, 4)], 50) is None
    assert character_durations(list("\u2581Hello"), [], 50) is None


@pytest.mark.parametrize("silence_units", [0, 9])
@given(data=st.data())
def test_every_character_has_a_unit_and_all_units_are_given(silence_units: int, data: st.DataObject) -> None:
    texts = data.draw(st.lists(st.text("abchio", min_size=1, max_size=6), min_size=1, max_size=6))
    characters = list("".join(f"\u2581{text}" for text in texts))
    words, position = [], float(silence_units)
    for text in texts:
        length = data.draw(st.floats(0.1, 20))
        words.append(_word(text, position, position + length))
        position += length + data.draw(st.floats(0, 8))
    unit_count = max(len(characters), round(position)) + silence_units
    durations = character_durations(characters, words, unit_count)
    assert durations is not None
    assert durations.min() >= 1
    assert durations.sum() == unit_count
