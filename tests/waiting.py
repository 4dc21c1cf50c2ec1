"""Waiting for what other tasks, processes and connections are about to do, for a minute at most."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


async def until(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Waits for what has no event."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.01)


async def is_closed(reader: asyncio.StreamReader) -> bool:
    """Waits until the other side has closed the connection; what it says before does not count."""
    try:
        async with asyncio.timeout(30):
            while await reader.read(1_024):
                pass
    except ConnectionResetError:
        return True
    return True
