"""Bounds the bytes of messages that arrive before their calls are admitted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from translate_svc.errors import ResourceExhausted
from translate_svc.rpc.call_limiter import caller_or_host


class ReadLimiter:
    """Bounds how many calls read their first message at a time. Others wait, first come, first served.

    gRPC takes at most a window (64 KiB) of a message that nobody reads, and the whole message once it is
    read. So the number of reads bounds the memory: ``max_reads`` times ``RpcOptions.max_message_bytes``. One
    caller, which is a name or an IP address, has only some of the reads and cannot keep others out.
    """

    def __init__(self, max_reads: int, max_reads_per_caller: int, wait_timeout_s: float) -> None:
        """``wait_timeout_s``: how long a call waits before it may read."""
        self._max_reads_per_caller = max_reads_per_caller
        self._wait_timeout_s = wait_timeout_s
        self._free = asyncio.Semaphore(max_reads)
        self._callers: dict[str, asyncio.Semaphore] = {}
        self._users: Counter[str] = Counter()  # calls that read or wait, by caller

    @asynccontextmanager
    async def hold(self, peer: str) -> AsyncIterator[None]:
        """Counts a read, once there is room for it; ``peer`` is that of gRPC's context.

        Raises:
            ResourceExhausted: there was no room in time.
        """
        who = caller_or_host(peer)
        own = self._callers.setdefault(who, asyncio.Semaphore(self._max_reads_per_caller))
        self._users[who] += 1
        try:
            await self._acquire(own)
            try:
                yield
            finally:
                self._free.release()
                own.release()
        finally:
            self._users[who] -= 1
            if not self._users[who]:
                del self._users[who], self._callers[who]

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
