"""The distance of transcript tokens' source times from the places where their words are spoken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher

import numpy as np

from benchmarks.inspection.listen import PlacedToken

CLOSE_MS = 200


@dataclass(frozen=True, slots=True)
class SpokenWord:
    """A word and when it is spoken, in ms from the start of the clip: [start, end)."""

    text: str
    start_ms: float
    end_ms: float

    def distance_ms(self, moment_ms: float) -> float:
        """0 inside the word."""
        return max(0.0, self.start_ms - moment_ms, moment_ms - self.end_ms)


@dataclass(frozen=True, slots=True)
class Placement:
    """A token of the known ``word``, by its number in ``clip``; no source time: ``error_ms`` is None."""

    clip: str
    word: int
    error_ms: float | None


@dataclass(frozen=True, slots=True)
class SourceTimeFigures:
    """One set in one language. Shares in per cent; errors in ms, of the tokens that have a source time."""

    name: str
    language: str
    tokens: int
    placed: float
    words: int
    words_placed: float
    median_ms: float
    p90_ms: float
    close: float

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def placements(clip: str, tokens: Sequence[PlacedToken], words: Sequence[SpokenWord]) -> list[Placement]:
    """The tokens that belong to a spoken word, letter by letter. Misheard tokens belong to no word."""
    heard = [(letter, index) for index, token in enumerate(tokens) for letter in _letters(token.text)]
    spoken = [(letter, index) for index, word in enumerate(words) for letter in _letters(word.text)]
    matcher = SequenceMatcher(
        None, [letter for letter, _ in heard], [letter for letter, _ in spoken], autojunk=False
    )
    owner: dict[int, int] = {}
    for block in matcher.get_matching_blocks():
        for offset in range(block.size):
            owner.setdefault(heard[block.a + offset][1], spoken[block.b + offset][1])
    return [
        Placement(clip, word, _error_ms(tokens[index], words[word])) for index, word in sorted(owner.items())
    ]


def figures(name: str, language: str, placed: Iterable[Placement], words: int) -> SourceTimeFigures:
    """Of all placements of a set whose clips hold ``words`` words."""
    tokens = list(placed)
    timed = [token for token in tokens if token.error_ms is not None]
    errors_ms = np.array([token.error_ms for token in timed], float)
    return SourceTimeFigures(
        name,
        language,
        len(tokens),
        round(100 * len(timed) / len(tokens), 1),
        words,
        round(100 * len({(token.clip, token.word) for token in timed}) / words, 1),
        round(float(np.median(errors_ms)), 1),
        round(float(np.percentile(errors_ms, 90)), 1),
        round(100 * float((errors_ms <= CLOSE_MS).mean()), 1),
    )


def _error_ms(token: PlacedToken, word: SpokenWord) -> float | None:
    return None if token.source_ms is None else word.distance_ms(token.source_ms)


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
