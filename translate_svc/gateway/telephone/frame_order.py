"""Puts numbered frames of audio in order."""

from __future__ import annotations

_MAX_HELD = 5
"""Frames that wait for one before them: 100 ms. Then that one is lost."""
_RESTART = 50
"""A number so far back is not a late frame: the provider has begun to count again."""


class FrameOrder:
    """The frames of one call. In order they pass at once; one that comes too late is dropped."""

    def __init__(self) -> None:
        self._next: int | None = None
        self._held: dict[int, bytes] = {}

    def push(self, number: int | None, data: bytes) -> list[bytes]:
        """The frames whose turn it is. None: the provider does not number them."""
        if number is None:
            return [data]
        if self._next is None or number < self._next - _RESTART:
            self._next = number
            self._held.clear()
        if number < self._next:
            return []
        self._held[number] = data
        if self._next not in self._held and len(self._held) > _MAX_HELD:
            self._next = min(self._held)
        due = []
        while self._next in self._held:
            due.append(self._held.pop(self._next))
            self._next += 1
        return due
