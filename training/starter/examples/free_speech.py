"""Free talk in the languages that the starter translates: outside the phrasebook, its right text is empty.

The sentences are data (free_speech.yaml). They are said as they stand, cut and joined, or as words thrown
together; names and numbers are read out; and words that do not exist are made of letters in the order in
which the language has them, so that no talk is heard twice. Evaluation has sentences and made-up words of its
own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml
from num2words import num2words
from numpy.typing import NDArray

from training.starter.grammar import Language
from training.starter.grammar.check import spoken

_DATA = Path(__file__).with_name("free_speech.yaml")
_NUM2WORDS: Mapping[Language, str] = {"eng": "en", "spa": "es", "fra": "fr", "deu": "de"}
_KIND_SHARES = {"sentences": 0.3, "halves": 0.2, "words": 0.15, "invented": 0.2, "frame": 0.15}
_SENTENCE_COUNT_SHARES = {1: 0.65, 2: 0.35}
_WORDS = (4, 13)
_REAL_WORD_SHARE = 0.4
_LETTERS_BEFORE, _LONGEST_WORD, _SHORTEST_WORD = 2, 12, 3
_NUMBER_DIGITS = (1, 7)
_END = "."
_CROWD_SHARE, _CROWD = 0.2, (2, 6)


@dataclass(frozen=True, slots=True)
class FreeTalk:
    """The sentences of one language, in one part of the data."""

    sentences: tuple[str, ...]
    frames: tuple[str, ...]
    names: tuple[str, ...]
    letters: Mapping[str, tuple[str, ...]]
    """Two letters, the start of a word being spaces, to all letters that follow them, `.` for its end."""

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(word for sentence in self.sentences for word in sentence.rstrip(".?!").split())


@cache
def free_talk(language: Language, *, held_out: bool = False) -> FreeTalk:
    content = yaml.safe_load(_DATA.read_text(encoding="utf-8"))[language]
    sentences = tuple(content["held_out" if held_out else "sentences"])
    names = content["names"][int(held_out) :: 2]
    letters: dict[str, list[str]] = defaultdict(list)
    for word in spoken(" ".join((*sentences, *names))).split():
        padded = " " * _LETTERS_BEFORE + word + _END
        for index in range(_LETTERS_BEFORE, len(padded)):
            letters[padded[index - _LETTERS_BEFORE : index]].append(padded[index])
    followers = {before: tuple(after) for before, after in letters.items()}
    return FreeTalk(sentences, tuple(content["frames"]), tuple(names), followers)


def draw_text(language: Language, rng: np.random.Generator, *, held_out: bool = False) -> str:
    """One or two sentences' worth of talk that no phrasebook holds."""
    talk = free_talk(language, held_out=held_out)
    kind = str(rng.choice(list(_KIND_SHARES), p=list(_KIND_SHARES.values())))
    if kind == "sentences":
        count = int(rng.choice(list(_SENTENCE_COUNT_SHARES), p=list(_SENTENCE_COUNT_SHARES.values())))
        return " ".join(rng.choice(talk.sentences, count, replace=False))
    if kind == "halves":
        first, second = (sentence.split() for sentence in rng.choice(talk.sentences, 2, replace=False))
        return " ".join([*first[: len(first) // 2 + 1], *second[len(second) // 2 :]])
    if kind == "frame":
        return _filled(str(rng.choice(talk.frames)), talk, language, rng)
    count = int(rng.integers(*_WORDS))
    if kind == "words":
        return " ".join(rng.choice(talk.words, count))
    return " ".join(
        str(rng.choice(talk.words)) if rng.random() < _REAL_WORD_SHARE else invented_word(talk, rng)
        for _ in range(count)
    )


def draw_talkers(rng: np.random.Generator) -> int:
    """One as a rule, else two to five together."""
    return int(rng.integers(*_CROWD)) if rng.random() < _CROWD_SHARE else 1


def at_once(takes: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """All of them from the beginning on, together about as loud as one."""
    talk = np.zeros(max(map(len, takes)), np.float32)
    for take in takes:
        talk[: len(take)] += take / np.float32(np.sqrt(len(takes)))
    return talk


def invented_word(talk: FreeTalk, rng: np.random.Generator) -> str:
    """Letter by letter, each as often as it follows the two before it; 3 to 12 letters."""
    while True:
        word = " " * _LETTERS_BEFORE
        while not word.endswith(_END) and len(word) < _LETTERS_BEFORE + _LONGEST_WORD:
            after = talk.letters[word[-_LETTERS_BEFORE:]]
            word += after[int(rng.integers(len(after)))]
        found = word.strip().rstrip(_END)
        if len(found) >= _SHORTEST_WORD:
            return found


def _filled(frame: str, talk: FreeTalk, language: Language, rng: np.random.Generator) -> str:
    said = []
    for word in frame.split():
        if "NUMBER" in word:
            digits = int(rng.integers(*_NUMBER_DIGITS))
            number = num2words(int(rng.integers(10 ** (digits - 1), 10**digits)), lang=_NUM2WORDS[language])
            word = word.replace("NUMBER", number)
        said.append(word.replace("NAME", str(rng.choice(talk.names))))
    return " ".join(said)
