"""Bounds the calls of all kinds that are open at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from translate_svc.errors import ResourceExhausted
from translate_svc.rpc.authentication import caller
from translate_svc.serving.held_places import HeldPlaces


class CallLimiter:
    """Counts every call, also one that waits to be admitted, or that never ends (``Health.Watch``).

    An open call costs 22 KB. HTTP/2 bounds the calls of one connection; this bounds those of all of them.
    """

    def __init__(self, max_calls: int, max_calls_per_caller: int) -> None:
        self._max_calls = max_calls
        self._max_calls_per_caller = max_calls_per_caller
        self._open = HeldPlaces()

    @contextmanager
    def hold(self, peer: str) -> Iterator[None]:
        """Counts a call as open; ``peer``: see there.

        Raises:
            ResourceExhausted: as many calls are open as may be, in all or of this caller.
        """
        who = caller_or_host(peer)
        if self._open.total >= self._max_calls or self._open.of(who) >= self._max_calls_per_caller:
            raise ResourceExhausted("too many calls are open")
        with self._open.hold(who):
            yield


def caller_or_host(peer: str) -> str:
    """Who makes a call: its caller by name, or the host of ``peer`` (``ipv4:1.2.3.4``) if it has none.

    Behind a gateway all callers have one host, unless it says more (``RpcOptions.peer_header``). Those of a
    Unix socket have one, too.
    """
    return caller().holder(peer.rpartition(":")[0])
