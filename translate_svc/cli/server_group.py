"""The servers of one process, which start and leave together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from translate_svc.errors import TranslateSvcError
    from translate_svc.serving.protocols import TransportServer


async def drain_servers(
    servers: list[TransportServer], grace_s: float, reason: TranslateSvcError, signals: asyncio.Queue[Any]
) -> None:
    """Drains all servers for ``reason``. Another signal ends the remaining streams at once."""
    draining = asyncio.create_task(_stop(servers, grace_s, reason))
    next_signal = asyncio.create_task(signals.get())
    await asyncio.wait({draining, next_signal}, return_when=asyncio.FIRST_COMPLETED)
    if next_signal.done():
        await _stop(servers, 0, reason)
    next_signal.cancel()
    await draining


async def start_servers(servers: list[TransportServer]) -> None:
    """Starts all servers. If one cannot start, those before it are stopped."""
    from translate_svc.serving.live_calls import DRAINING

    for index, server in enumerate(servers):
        try:
            await server.start()
        except BaseException:
            await _stop(servers[:index], 0, DRAINING)
            raise


async def _stop(servers: list[TransportServer], grace_s: float, reason: TranslateSvcError) -> None:
    async with asyncio.TaskGroup() as tasks:
        for server in servers:
            tasks.create_task(server.stop(grace_s, reason))
