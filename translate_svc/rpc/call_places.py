"""Bounds the calls that are open at a time, whatever they ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from translate_svc.errors import ResourceExhausted
from translate_svc.rpc.authentication import caller
from translate_svc.types import ANONYMOUS


class CallPlaces:
    """Every call holds a place, also one that waits to be admitted, or that never ends (``Health.Watch``).

    An open call costs 22 KB. HTTP/2 bounds the calls of one connection; this bounds those of all of them.
    """

    def __init__(self, places: int, places_per_peer: int) -> None:
        self._places = places
        self._places_per_peer = places_per_peer
        self._taken: Counter[str] = Counter()  # by holder
        self._taken_in_all = 0

    @contextmanager
    def place(self, peer: str) -> Iterator[None]:
        """Holds a place; ``peer`` is that of gRPC's context.

        Raises:
            ResourceExhausted: all are taken, or all that one caller may take.
        """
        holder = holder_of(peer)
        if self._taken_in_all >= self._places or self._taken[holder] >= self._places_per_peer:
            raise ResourceExhausted("too many calls are open")
        self._taken[holder] += 1
        self._taken_in_all += 1
        try:
            yield
        finally:
            self._taken_in_all -= 1
            self._taken[holder] -= 1
            if not self._taken[holder]:
                del self._taken[holder]


def holder_of(peer: str) -> str:
    """Who holds the place of a call: its caller by name, else its host (``ipv4:1.2.3.4`` of a peer).

    Behind a gateway all callers have one host. Those of a Unix socket have one, too.
    """
    name = caller().name
    return peer.rpartition(":")[0] if name == ANONYMOUS.name else f"caller {name}"
