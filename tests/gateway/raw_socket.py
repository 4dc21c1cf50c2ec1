"""A WebSocket client without manners: it sends any bytes, and reads only when it is told to."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10

_HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class RawSocket:
    """One connection. Its receive buffer is small, so a server that sends soon has to wait."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer

    def frame(self, payload: bytes, opcode: int = TEXT, *, mask: bool = True) -> bytes:
        """The bytes of one frame. The mask is zeros, so the payload stays as it is."""
        bit = 0x80 if mask else 0
        if len(payload) < 126:
            head = struct.pack("!BB", 0x80 | opcode, bit | len(payload))
        elif len(payload) < 65_536:
            head = struct.pack("!BBH", 0x80 | opcode, bit | 126, len(payload))
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, bit | 127, len(payload))
        return head + (bytes(4) if mask else b"") + payload

    async def send(self, kind: str, **fields: Any) -> None:
        self.writer.write(self.frame(json.dumps({"type": kind, **fields}).encode()))
        await self.writer.drain()

    async def receive(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame."""
        first, second = await self._reader.readexactly(2)
        length = second & 0x7F
        if length == 126:
            (length,) = struct.unpack("!H", await self._reader.readexactly(2))
        elif length == 127:
            (length,) = struct.unpack("!Q", await self._reader.readexactly(8))
        return first & 0x0F, await self._reader.readexactly(length)

    async def until(self, *kinds: str) -> dict[str, Any]:
        """The next event of one of these types."""
        while True:
            opcode, payload = await self.receive()
            if opcode == TEXT:
                event: dict[str, Any] = json.loads(payload)
                if event["type"] in kinds:
                    return event

    async def to_the_end(self) -> int | None:
        """Reads on; returns the close code, or None if the connection was cut off."""
        try:
            while True:
                opcode, payload = await self.receive()
                if opcode == CLOSE:
                    return int(struct.unpack("!H", payload[:2])[0])
        except (asyncio.IncompleteReadError, ConnectionError):
            return None


@asynccontextmanager
async def raw_connect(
    target: str,
    path: str = "/v1/realtime/translations",
    *,
    pipelined: Callable[[RawSocket], bytes] = lambda client: b"",
) -> AsyncIterator[RawSocket]:
    """A connection whose handshake was answered. ``pipelined`` comes in one packet with the handshake."""
    parts = urlsplit(target)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=4_096)
    try:
        client = RawSocket(reader, writer)
        writer.write(_HANDSHAKE.format(path=path, host=parts.netloc).encode() + pipelined(client))
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101"), head
        yield client
    finally:
        writer.transport.abort()
