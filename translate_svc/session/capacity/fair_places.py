"""Whose the places of a server are while somebody has none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

_GRACE_S = 5.0
"""A refused caller still counts as waiting for so long after it was told to come again."""


@dataclass(slots=True)
class _Held:
    streams: int = 0
    cost: float = 0.0


class FairPlaces:
    """Which callers hold places, and which wait for their first one.

    * Who holds none may come in above the measured capacity (``has_reserve``): the engine shares its time
      among callers, so one stream more of another caller costs the others little.
    * While such a caller waits, nobody gets a further place above its share (``gives_way``): that of all
      places by the number of callers who hold some or wait.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """``clock``: in seconds."""
        self._clock = clock
        self._held: defaultdict[str, _Held] = defaultdict(_Held)
        self._above: list[float] = []  # costs of those who came in above the capacity
        self._waiting: dict[str, float] = {}  # until when

    def enter(self, caller: str, cost: float, *, above: bool) -> None:
        """``caller`` has got a place of this ``cost``, perhaps ``above`` the capacity."""
        self._held[caller].streams += 1
        self._held[caller].cost += cost
        if above:
            self._above.append(cost)
        self._waiting.pop(caller, None)

    def leave(self, caller: str, cost: float, *, above: bool) -> None:
        """``caller`` has given back a place that it got with the same arguments."""
        self._held[caller].streams -= 1
        self._held[caller].cost -= cost
        if above:
            self._above.remove(cost)
        if not self._held[caller].streams:
            del self._held[caller]

    def refuse(self, caller: str, retry_after_s: float) -> None:
        """``caller`` was refused, and told to come again after ``retry_after_s``. It waits if it has none."""
        if caller not in self._held:
            self._waiting[caller] = self._clock() + retry_after_s + _GRACE_S

    def has_reserve(self, caller: str, cost: float, inside: float, capacity: float) -> bool:
        """Whether ``caller`` may come in above ``capacity`` with a stream of this ``cost``, where streams of
        the cost ``inside`` are open.

        A quarter of the capacity is for such streams, and one of them at least. It stays theirs where the
        capacity turns out to be less than what is open, as far as callers are above their shares: their
        requests give way. So who was let in while nobody knew what its streams cost keeps no newcomer out.
        """
        reserve = max(cost, capacity / 4)
        if caller in self._held:
            return False
        if inside + cost <= capacity + reserve:
            return True
        shared = inside - self._above_shares(capacity) + cost
        return sum(self._above, cost) <= reserve and shared <= capacity + reserve

    def _above_shares(self, capacity: float) -> float:
        """The cost of what each holds above its share, beside a newcomer; one stream is never above it."""
        share = capacity / (len(self._held) + 1)
        return sum(max(0.0, each.cost - max(share, each.cost / each.streams)) for each in self._held.values())

    def gives_way(self, caller: str, places: int) -> bool:
        """Whether ``caller`` has its share of ``places`` while somebody waits for a first one."""
        now_s = self._clock()
        self._waiting = {each: until_s for each, until_s in self._waiting.items() if until_s > now_s}
        if not self._waiting or caller not in self._held:
            return False
        return self._held[caller].streams >= max(1, places // (len(self._held) + len(self._waiting)))
