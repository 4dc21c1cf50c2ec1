"""How well a decoder writes the settled text of a piece of speech: no more, no less, nothing invented."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_AHEAD_WORDS = 4


@dataclass(frozen=True, slots=True)
class PieceCounts:
    """In words: settled, written, written and settled, and written that the speech never says."""

    settled: int = 0
    written: int = 0
    found: int = 0
    invented: int = 0

    def __add__(self, other: PieceCounts) -> PieceCounts:
        return PieceCounts(
            self.settled + other.settled,
            self.written + other.written,
            self.found + other.found,
            self.invented + other.invented,
        )

    @property
    def found_rate(self) -> float:
        """Part of the settled words; 1 where nothing is settled."""
        return self.found / self.settled if self.settled else 1.0

    @property
    def invented_rate(self) -> float:
        """Part of the written words; 0 where nothing was written."""
        return self.invented / self.written if self.written else 0.0


def piece_counts(written: str, settled: str, rest: str) -> PieceCounts:
    """`rest` follows `settled` in the reference: what of it is written too early is not invented."""
    words, wanted, following = written.split(), settled.split(), rest.split()
    said = wanted + following[:_AHEAD_WORDS]
    return PieceCounts(len(wanted), len(words), _shared(words, wanted), len(words) - _shared(words, said))


def without_prefix(text: str, prefix: str) -> str:
    """`text` without its first words, as many as `prefix` has."""
    return " ".join(text.split()[len(prefix.split()) :])


def total(counts: Iterable[PieceCounts]) -> PieceCounts:
    return sum(counts, PieceCounts())


def _shared(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    lengths = [0] * (len(second) + 1)
    for word in first:
        row = [0]
        for index, other in enumerate(second):
            row.append(lengths[index] + 1 if word == other else max(row[-1], lengths[index + 1]))
        lengths = row
    return lengths[-1]
