"""A slow line between client and server: so many bytes a second."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

_SLICE_S = 0.02
_BUFFER_BYTES = 4_096


@asynccontextmanager
async def throttled_proxy(path: Path, *, down_bytes_per_s: int) -> AsyncIterator[str]:
    """The address of a proxy to the Unix socket ``path``; the server's bytes pass at ``down_bytes_per_s``.

    Of a TCP socket on loopback the kernel takes megabytes immediately, and the line is slow only after them.
    """
    pumps: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_unix_connection(path, limit=_BUFFER_BYTES)
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
