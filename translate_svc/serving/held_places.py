"""Counts who holds how many of something, in all and each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class HeldPlaces:
    """Its owner decides who may hold one more. A holder without a place takes no memory."""

    def __init__(self) -> None:
        self._by_holder: Counter[str] = Counter()
        self.total = 0
        """Places that are held."""

    def of(self, holder: str) -> int:
        """Places that ``holder`` holds."""
        return self._by_holder[holder]

    @contextmanager
    def hold(self, holder: str) -> Iterator[None]:
        """Counts one more place for the time of the block."""
        self._by_holder[holder] += 1
        self.total += 1
        try:
            yield
        finally:
            self.total -= 1
            self._by_holder[holder] -= 1
            if not self._by_holder[holder]:
                del self._by_holder[holder]
