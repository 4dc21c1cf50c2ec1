"""Teacher durations: letters with their sounds, nobody without a unit, nothing lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.starter.examples.durations import Sound, align, character_units
from training.starter.synthesis.synth import Phoneme, Speech, Word

_HOP = 320


def _speech(words: list[tuple[str, list[tuple[str, float]]]]) -> Speech:
    """Words with their phonemes and these' lengths in units; pauses end words."""
    phonemes, spoken, position = [], [], 0.0
    for text, sounds in words:
        start = position
        for name, length in sounds:
            phonemes.append(Phoneme(name, round(position * _HOP)))
            position += length
        spoken.append(Word(text, 0, round(start * _HOP), round(position * _HOP)))
    return Speech(np.zeros(round(position * _HOP), np.float32), tuple(spoken), tuple(phonemes))


def _grouped(text: str, names: str) -> list[tuple[str, str]]:
    sounds = [Sound(name, _HOP * index, _HOP * (index + 1)) for index, name in enumerate(names.split())]
    rest, pairs = list(text), []
    for group in align(text, sounds):
        letters, rest = rest[: group.characters], rest[group.characters :]
        pairs.append(("".join(letters), " ".join(sound.name for sound in group.sounds)))
    assert not rest
    return pairs


@pytest.mark.parametrize(
    ("text", "names", "groups"),
    [
        ("hablo", "a b l o", ["ha:a", "b:b", "l:l", "o:o"]),
        ("eaux.", "o _:", ["eaux:o", ".:_:"]),
        ("Schwester", "S v E s t 3", ["Sch:S", "w:v", "e:E", "s:s", "t:t", "er:3"]),
        ("taxi", "t a k s i", ["t:t", "a:a", "x:k s", "i:i"]),
        ("\u2581the", "D @2", ["\u2581th:D", "e:@2"]),
        ("gare?", "g a r _:", ["g:g", "a:a", "re:r", "?:_:"]),
    ],
)
def test_letters_go_with_their_sounds(text: str, names: str, groups: list[str]) -> None:
    assert [f"{letters}:{sounds}" for letters, sounds in _grouped(text, names)] == groups


def test_a_pause_belongs_to_the_marks_between_the_words() -> None:
    speech = _speech([("Oh", [("oU", 6.0), ("_:", 16.0)]), ("no", [("n", 3.0), ("oU", 6.0)])])
    durations = character_units(list("Oh.\u2581no"), speech).durations
    assert durations.tolist() == [3, 3, 8, 8, 3, 6]


@given(
    st.lists(
        st.tuples(
            st.text("abchio\u00e9", min_size=1, max_size=7),
            st.lists(
                st.tuples(st.sampled_from(["a", "tS", "k", "@", "_:"]), st.floats(0.2, 20)),
                min_size=1,
                max_size=6,
            ),
        ),
        min_size=1,
        max_size=5,
    )
)
def test_every_character_has_a_unit_and_the_units_go_forward(
    words: list[tuple[str, list[tuple[str, float]]]],
) -> None:
    characters = list("".join(f"\u2581{text}" for text, _ in words))
    speech = _speech(words)
    units = character_units(characters, speech)
    assert len(units.durations) == len(characters)
    assert units.durations.min() >= 1
    assert units.durations.sum() == len(units.centres)
    assert (np.diff(units.centres) > 0).all()
    assert 0 <= units.centres[0] < units.centres[-1] + 1 <= len(speech.samples) + 1
