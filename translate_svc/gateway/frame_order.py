"""Puts numbered frames of audio in order."""

from __future__ import annotations

from typing import Generic, TypeVar

_RESTART = 50
"""A number so far back is not a late frame: the sender has begun to count again."""

FrameT = TypeVar("FrameT")


class FrameOrder(Generic[FrameT]):
    """The frames of one speaker. In order they pass at once; one that comes too late is dropped."""

    def __init__(self, most_held: int) -> None:
        """``most_held``: frames that wait for one before them. Then that one is lost."""
        self._most_held = most_held
        self._next: int | None = None
        self._held: dict[int, FrameT] = {}

    def push(self, number: int | None, data: FrameT) -> list[FrameT]:
        """The frames whose turn it is. None: the sender does not number them."""
        if number is None:
            return [data]
        if self._next is None or number < self._next - _RESTART:
            self._next = number
            self._held.clear()
        if number < self._next:
            return []
        self._held[number] = data
        if self._next not in self._held and len(self._held) > self._most_held:
            self._next = min(self._held)
        due = []
        while self._next in self._held:
            due.append(self._held.pop(self._next))
            self._next += 1
        return due

    @property
    def holds(self) -> bool:
        """Whether frames wait for one before them."""
        return bool(self._held)

    def give_up(self) -> list[FrameT]:
        """The frames that wait. Those before them are lost."""
        numbers = sorted(self._held)
        if numbers:
            self._next = numbers[-1] + 1
        return [self._held.pop(number) for number in numbers]
