"""Whose the places of a server are while somebody has none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

_GRACE_S = 5.0
"""A refused caller still counts as waiting for so long after it was told to come again."""


class FairPlaces:
    """Which callers hold places, and which wait for their first one.

    * Who holds none may come in above the measured capacity (``reserve``): the engine shares its time among
      callers, so one stream more of another caller costs the others little.
    * While such a caller waits, nobody gets a further place above its share (``gives_way``): that of all
      places by the number of callers who hold some or wait.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock``: in seconds."""
        self._clock = clock
        self._held: Counter[str] = Counter()
        self._waiting: dict[str, float] = {}  # until when

    def enter(self, caller: str) -> None:
        """``caller`` has got a place."""
        self._held[caller] += 1
        self._waiting.pop(caller, None)

    def leave(self, caller: str) -> None:
        """``caller`` has given a place back."""
        self._held[caller] -= 1
        if not self._held[caller]:
            del self._held[caller]

    def refuse(self, caller: str, retry_after_s: float) -> None:
        """``caller`` was refused, and told to come again after ``retry_after_s``. It waits if it has none."""
        if not self._held[caller]:
            self._waiting[caller] = self._clock() + retry_after_s + _GRACE_S

    def reserve(self, caller: str, cost: float, capacity: float) -> float:
        """How far above ``capacity`` ``caller`` may come in with a stream of this ``cost``."""
        return 0.0 if self._held[caller] else max(cost, capacity / 4)

    def gives_way(self, caller: str, places: int) -> bool:
        """Whether ``caller`` has its share of ``places`` while somebody waits for a first one."""
        now_s = self._clock()
        self._waiting = {each: until_s for each, until_s in self._waiting.items() if until_s > now_s}
        if not self._waiting or not self._held[caller]:
            return False
        return self._held[caller] >= max(1, places // (len(self._held) + len(self._waiting)))
