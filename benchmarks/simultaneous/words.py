"""The text deltas of a stream as words, with the moments at which each word was known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of text of an utterance in one language.

    ``heard_ms``: how much of the recording had been heard when it was decided. ``arrived_ms``: when it came,
    on the clock by which the recording was sent.
    """

    utterance_id: int
    text: str
    heard_ms: float
    arrived_ms: float
    final: bool = False


@dataclass(frozen=True, slots=True)
class Word:
    """A word, known when its last letter was. ``place`` counts characters of its utterance's text."""

    text: str
    utterance_id: int
    place: int
    heard_ms: float
    arrived_ms: float

    @property
    def step(self) -> tuple[int, float]:
        """Words of one decision share it."""
        return self.utterance_id, self.heard_ms


def words_of(deltas: Sequence[Delta]) -> list[Word]:
    """All words, utterance by utterance. Text of different utterances is never one word."""
    words: list[Word] = []
    for pieces in _by_utterance(deltas).values():
        text = "".join(piece.text for piece in pieces)
        owners = [piece for piece in pieces for _ in piece.text]
        place = 0
        for part in text.split():
            place = text.index(part, place)
            last = owners[place + len(part) - 1]
            words.append(Word(part, last.utterance_id, place, last.heard_ms, last.arrived_ms))
            place += len(part)
    return words


def texts_of(deltas: Sequence[Delta]) -> dict[int, str]:
    """The whole text of each utterance."""
    return {
        number: "".join(piece.text for piece in pieces) for number, pieces in _by_utterance(deltas).items()
    }


def flicker(deltas: Sequence[Delta]) -> int:
    """How often text that a reader saw was altered, or an event contradicts it.

    Counted: text after the last of its utterance, a word that grew after it had been shown, a piece that was
    decided on less than the piece before it, and one that came before what it was decided on.
    """
    count = sum(piece.arrived_ms < piece.heard_ms - 1 for piece in deltas)
    for pieces in _by_utterance(deltas).values():
        for before, after in pairwise(pieces):
            count += before.final
            count += after.heard_ms < before.heard_ms
        texts = [piece for piece in pieces if piece.text]
        for before, after in pairwise(texts):
            torn = before.text[-1].isalnum() and after.text[0].isalnum()
            count += torn and before.heard_ms < after.heard_ms
    return count


def _by_utterance(deltas: Sequence[Delta]) -> dict[int, list[Delta]]:
    groups: dict[int, list[Delta]] = {}
    for piece in deltas:
        groups.setdefault(piece.utterance_id, []).append(piece)
    return dict(sorted(groups.items()))
