"""Gives memory back to the system that this process has freed and does not need."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple

from translate_svc.memory_limits import resident_bytes
from translate_svc.models.machine.host_memory import free_bytes, return_freed_memory

KEPT_BYTES = 32 << 20
"""So much more than after the last return may stay."""
INTERVAL_S = 20.0


class HeldMemory(NamedTuple):
    """``resident``: what the process holds. ``free``: what its allocator could use again, also if the system
    has it back.
    """

    resident: int
    free: int


def held_memory() -> HeldMemory | None:
    """That of now; None where nothing tells."""
    resident = resident_bytes()
    return None if resident is None else HeldMemory(resident, free_bytes())


class FreedMemory:
    """Returns freed memory when the process has grown, or has freed much, since it last did.

    The allocator keeps what is freed, for the next tensors (``keep_freed_memory``), and so keeps what a burst
    of large messages has left. What is computed meanwhile takes its pages back, which costs some milliseconds
    every ``INTERVAL_S`` at most.
    """

    def __init__(
        self,
        held: Callable[[], HeldMemory | None] = held_memory,
        return_freed: Callable[[], None] = return_freed_memory,
    ) -> None:
        self._held = held
        self._return_freed = return_freed

    async def run(self) -> None:
        """Cancel it to stop. Returns at once where nothing tells how much is held."""
        least = self._held()
        while least is not None:
            await asyncio.sleep(INTERVAL_S)
            held = self._held()
            if held is None:
                continue
            if held.resident > least.resident + KEPT_BYTES or held.free > least.free + KEPT_BYTES:
                await asyncio.to_thread(self._return_freed)  # it holds the allocator for milliseconds
                least = self._held() or held
            else:
                least = HeldMemory(min(least.resident, held.resident), min(least.free, held.free))


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
