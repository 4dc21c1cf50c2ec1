"""Commit points of a stream, told once all that came of the input before them has been said."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _CommitPoint:
    """Nothing before ``position`` is needed once the utterances up to ``through_utterance`` are done."""

    position: int
    through_utterance: int


class CommitPoints:
    """Those that are not told yet, in the order of the stream. ``on_pass(position)`` tells the last one that
    is passed at a time: it stands for those before it.
    """

    def __init__(self, on_pass: Callable[[int], None]) -> None:
        self._on_pass = on_pass
        self._waiting: deque[_CommitPoint] = deque()

    def add(self, position: int, through_utterance: int) -> None:
        """The input restarted at ``position``, behind the utterances up to this one (-1: none)."""
        self._waiting.append(_CommitPoint(position, through_utterance))

    def pass_before(self, earliest_undone: int) -> None:
        """All utterances before this one are done."""
        position: int | None = None
        while self._waiting and self._waiting[0].through_utterance < earliest_undone:
            position = self._waiting.popleft().position
        if position is not None:
            self._on_pass(position)

    def clear(self) -> int | None:
        """Forgets them; returns the last one, if there was any."""
        last = self._waiting[-1].position if self._waiting else None
        self._waiting.clear()
        return last
