"""A client masks its frames, or is refused (RFC 6455, section 5.1)."""

from __future__ import annotations

import json
import struct

import pytest

from tests.gateway.raw_socket import CLOSE, PING, PONG, TEXT, RawSocket, raw_connect
from translate_svc.gateway.server import GatewayServer

UPDATE = json.dumps({"type": "session.update", "session": {"audio": {"output": {"language": "es"}}}}).encode()


async def ended_with(client: RawSocket) -> int:
    while True:
        opcode, payload = await client.receive()
        if opcode == CLOSE:
            (code,) = struct.unpack("!H", payload[:2])
            return int(code)


@pytest.mark.parametrize("step", [1, 2, 5, 1_000_000])
async def test_a_frame_without_a_mask_ends_the_connection(server: GatewayServer, step: int) -> None:
    """Also behind good ones, and however its bytes come."""
    async with raw_connect(server.target) as client:
        sent = client.frame(b"x", PING) + client.frame(UPDATE) + client.frame(UPDATE, mask=False)
        for start in range(0, len(sent), step):
            client.writer.write(sent[start : start + step])
            await client.writer.drain()
        assert (await client.receive())[0] in (TEXT, PONG)
        assert await ended_with(client) == 1002


async def test_one_byte_at_a_time_masked_frames_are_read(server: GatewayServer) -> None:
    async with raw_connect(server.target) as client:
        long = UPDATE + b" " * 70_000  # a length in eight bytes
        head = client.frame(long)[:20]
        for byte in client.frame(UPDATE) + head:
            client.writer.write(bytes((byte,)))
            await client.writer.drain()
        await client.until("session.updated")
        client.writer.write(client.frame(long)[20:])
        await client.until("session.updated")


@pytest.mark.parametrize("cut", [0, 1, 3, 50, 1_000])
async def test_frames_may_come_with_the_handshake(server: GatewayServer, cut: int) -> None:
    def first(client: RawSocket) -> bytes:
        return client.frame(UPDATE)[:cut]

    async with raw_connect(server.target, pipelined=first) as client:
        client.writer.write(client.frame(UPDATE)[cut:])
        await client.until("session.updated")


async def test_frames_that_come_with_the_handshake_are_masked_too(server: GatewayServer) -> None:
    def first(client: RawSocket) -> bytes:
        return client.frame(UPDATE, mask=False)

    async with raw_connect(server.target, pipelined=first) as client:
        assert await ended_with(client) == 1002
