"""Bounds the bytes of messages that arrive before their calls are admitted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from translate_svc.errors import ResourceExhausted
from translate_svc.rpc.call_places import holder_of


class ReadPlaces:
    """A call reads its first message while it holds a place. Others wait, first come, first served.

    gRPC takes no more than a window (64 KiB) of a message that nobody reads, and the whole message once it is
    read. So the places bound the memory: their number times ``RpcOptions.max_message_bytes``. One caller,
    which is a name or else an IP address, has only some of them, and cannot keep others out.
    """

    def __init__(self, places: int, places_per_peer: int, patience_s: float) -> None:
        """``patience_s``: how long a call waits for a place."""
        self._places_per_peer = places_per_peer
        self._patience_s = patience_s
        self._free = asyncio.Semaphore(places)
        self._peers: dict[str, asyncio.Semaphore] = {}
        self._users: Counter[str] = Counter()  # calls that hold or want a place, by holder

    @asynccontextmanager
    async def place(self, peer: str) -> AsyncIterator[None]:
        """Holds a place; ``peer`` is that of gRPC's context.

        Raises:
            ResourceExhausted: no place became free in time.
        """
        holder = holder_of(peer)
        of_peer = self._peers.setdefault(holder, asyncio.Semaphore(self._places_per_peer))
        self._users[holder] += 1
        try:
            await self._acquire(of_peer)
            try:
                yield
            finally:
                self._free.release()
                of_peer.release()
        finally:
            self._users[holder] -= 1
            if not self._users[holder]:
                del self._users[holder], self._peers[holder]

    async def _acquire(self, of_peer: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self._patience_s):
                await of_peer.acquire()
                try:
                    await self._free.acquire()
                except BaseException:
                    of_peer.release()
                    raise
        except TimeoutError:
            raise ResourceExhausted("too many messages arrive at the same time") from None
