"""Commit points of a stream, reported once all results of the input before them have been sent."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _CommitPoint:
    """Input before ``position`` is not needed once the utterances up to ``through_utterance`` are done."""

    position: int
    through_utterance: int


class CommitPoints:
    """Commit points that are not reported yet, in stream order.

    ``on_commit(position)`` reports only the last one that is reached at a time; it covers those before it.
    """

    def __init__(self, on_commit: Callable[[int], None]) -> None:
        self._on_commit = on_commit
        self._waiting: deque[_CommitPoint] = deque()

    def add(self, position: int, through_utterance: int) -> None:
        """Adds a commit point, after the utterances up to ``through_utterance`` (-1: none)."""
        self._waiting.append(_CommitPoint(position, through_utterance))

    def advance(self, earliest_unfinished: int) -> None:
        """Reports the commit points reached: utterances before ``earliest_unfinished`` are done."""
        position: int | None = None
        while self._waiting and self._waiting[0].through_utterance < earliest_unfinished:
            position = self._waiting.popleft().position
        if position is not None:
            self._on_commit(position)

    def clear(self) -> int | None:
        """Drops all of them; returns the position of the last one, or None."""
        last = self._waiting[-1].position if self._waiting else None
        self._waiting.clear()
        return last
