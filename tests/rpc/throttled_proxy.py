"""A slow line: TCP between client and server at so many bytes a second."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_SLICE_S = 0.02
_SOCKET_BUFFER_BYTES = 4_096
"""Else the kernel holds megabytes, and the line is slow only behind them."""


@asynccontextmanager
async def throttled_proxy(port: int, *, down_bytes_per_s: int) -> AsyncIterator[str]:
    """The address of a proxy to ``port``; what the server sends passes at ``down_bytes_per_s``."""
    pumps: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER_BYTES)
        raw.setblocking(False)
        await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", port))
        from_server, to_server = await asyncio.open_connection(sock=raw, limit=_SOCKET_BUFFER_BYTES)
        writers.extend((writer, to_server))
        for pump in (_pump(reader, to_server, None), _pump(from_server, writer, down_bytes_per_s)):
            pumps.add(asyncio.create_task(pump))

    proxy = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with proxy:
        yield f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for writer in writers:
            writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bytes_per_s: int | None) -> None:
    size = 65_536 if bytes_per_s is None else max(1, round(bytes_per_s * _SLICE_S))
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(size):
            writer.write(data)
            await writer.drain()
            if bytes_per_s is not None:
                await asyncio.sleep(len(data) / bytes_per_s)
    writer.close()
