"""Gives memory back to the system that this process has freed and does not need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from translate_svc.memory_limits import resident_bytes
from translate_svc.models.host_memory import return_freed_memory

KEPT_BYTES = 32 << 20
"""So much more than after the last return may stay."""
INTERVAL_S = 20.0


class FreedMemory:
    """Returns freed memory when the process has grown since it last did.

    The allocator keeps what is freed, for the next tensors (``keep_freed_memory``), and so keeps what a burst
    of large messages has left. What is computed meanwhile takes its pages back, which costs a few
    milliseconds at most every ``INTERVAL_S``.
    """

    def __init__(
        self,
        resident: Callable[[], int | None] = resident_bytes,
        return_freed: Callable[[], None] = return_freed_memory,
    ) -> None:
        """``resident``: the bytes that the process holds; None where nothing tells."""
        self._resident = resident
        self._return_freed = return_freed

    async def run(self) -> None:
        """Cancel it to stop. Returns at once where nothing tells how much is held."""
        least = self._resident()
        while least is not None:
            await asyncio.sleep(INTERVAL_S)
            held = self._resident()
            if held is not None and held > least + KEPT_BYTES:
                await asyncio.to_thread(self._return_freed)  # it holds the allocator for milliseconds
                least = self._resident()
            elif held is not None:
                least = min(least, held)


@asynccontextmanager
async def returning_freed_memory() -> AsyncIterator[None]:
    """Returns what is freed within this block."""
    running = asyncio.create_task(FreedMemory().run())
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
