"""Bounds the bytes of messages that arrive before their calls are admitted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from translate_svc.errors import ResourceExhausted
from translate_svc.rpc.call_limiter import caller_or_host

_BYTES_PER_S = 64 * 1024 * 1024
"""Of one caller: 2,000 seconds of speech at 16 kHz in each second. It slows down a flood of refused clips."""


@dataclass(slots=True, eq=False)
class _Caller:
    """``calls``: those that read, wait or keep a place. ``paced_until_s``: when the last place is free."""

    places: asyncio.Semaphore
    calls: int = 0
    paced_until_s: float = 0.0


class Read:
    """One read. Its owner says how many bytes came."""

    def __init__(self) -> None:
        self.size_bytes = 0


class ReadLimiter:
    """Bounds how many calls read their first message at a time. Others wait, first come, first served.

    gRPC takes at most a window (64 KiB) of a message that nobody reads, and the whole message once it is
    read. So the number of reads bounds the memory: ``max_reads`` times ``RpcOptions.max_message_bytes``. One
    caller, which is a name or an IP address, has only some of the reads and cannot keep others out. A read
    keeps the caller's place, not that of all, until its bytes fit into 64 MiB a second.
    """

    def __init__(self, max_reads: int, max_reads_per_caller: int, wait_timeout_s: float) -> None:
        """``wait_timeout_s``: how long a call waits before it may read."""
        self._max_reads_per_caller = max_reads_per_caller
        self._wait_timeout_s = wait_timeout_s
        self._free = asyncio.Semaphore(max_reads)
        self._callers: dict[str, _Caller] = {}

    @asynccontextmanager
    async def hold(self, peer: str) -> AsyncIterator[Read]:
        """Counts a read, once there is room for it; ``peer``: see there.

        Raises:
            ResourceExhausted: there was no room in time.
        """
        who = caller_or_host(peer)
        own = self._callers.get(who)
        if own is None:
            own = self._callers[who] = _Caller(asyncio.Semaphore(self._max_reads_per_caller))
        own.calls += 1
        try:
            await self._acquire(own.places)
        except BaseException:
            self._leave(who, own)
            raise
        read = Read()
        try:
            yield read
        finally:
            self._free.release()
            self._release_in_time(who, own, read.size_bytes)

    def _release_in_time(self, who: str, own: _Caller, size_bytes: int) -> None:
        loop = asyncio.get_running_loop()
        own.paced_until_s = max(loop.time(), own.paced_until_s) + size_bytes / _BYTES_PER_S

        def release() -> None:
            own.places.release()
            self._leave(who, own)

        if size_bytes:
            loop.call_at(own.paced_until_s, release)
        else:
            release()

    def _leave(self, who: str, own: _Caller) -> None:
        own.calls -= 1
        if not own.calls:
            del self._callers[who]

    async def _acquire(self, own: asyncio.Semaphore) -> None:
        try:
            async with asyncio.timeout(self._wait_timeout_s):
                await own.acquire()
                try:
                    await self._free.acquire()
                except BaseException:
                    own.release()
                    raise
        except TimeoutError:
            raise ResourceExhausted("too many messages arrive at the same time") from None
