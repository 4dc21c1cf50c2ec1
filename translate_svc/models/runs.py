"""The tokens of one decoder pass. Plain data, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CHOSEN = -1
"""In place of a token: the one that the pass before chose for the slot, which may be on the device alone."""


@dataclass(frozen=True, slots=True)
class Runs:
    """A run of consecutive tokens for each of some distinct slots.

    ``token_ids[i]`` has at least one token. The first one is at position ``starts[i]``, counted from 0. The
    last ``speculative[i]`` of them are speculative, after at least one that is known; empty if none is.

    Raises:
        ValueError: a run has no token.
    """

    slots: Sequence[int]
    starts: Sequence[int]
    token_ids: Sequence[Sequence[int]]
    speculative: Sequence[int] = ()

    def __post_init__(self) -> None:
        if not all(map(len, self.token_ids)):
            raise ValueError("token_ids: a run has no token")

    @classmethod
    def steps(cls, slots: Sequence[int], positions: Sequence[int], token_ids: Sequence[int]) -> Runs:
        """One token for each slot."""
        return cls(slots, positions, [(token_id,) for token_id in token_ids])

    @property
    def longest(self) -> int:
        """Tokens of the longest run."""
        return max(map(len, self.token_ids))

    def logit_positions(self) -> tuple[list[int], list[int]]:
        """Row and column of each token whose successor is wanted: of the last known one of each row and of
        all speculative ones. Columns count from the end, which is -1.
        """
        counts = self.speculative or [0] * len(self.slots)
        places = [(row, -1 - back) for row, count in enumerate(counts) for back in range(count, -1, -1)]
        return [row for row, _ in places], [column for _, column in places]

    def proposed(self, tolerances: Sequence[Sequence[float]]) -> dict[int, tuple[int, float]]:
        """The speculative tokens and their tolerances, by their place in ``logit_positions``.

        ``tolerances``: of each row, one a speculative token; none for a row that tolerates nothing.
        """
        rows, columns = self.logit_positions()
        return {
            place: (self.token_ids[row][column + 1], tolerances[row][column + 1])
            for place, (row, column) in enumerate(zip(rows, columns, strict=True))
            if column < -1 and tolerances[row]
        }

    def ends(self) -> list[int]:
        """The position after each run."""
        return [start + len(run) for start, run in zip(self.starts, self.token_ids, strict=True)]
