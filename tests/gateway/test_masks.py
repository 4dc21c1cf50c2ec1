"""A client masks its frames, or is refused (RFC 6455, section 5.1)."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.raw_socket import CLOSE, PING, PONG, TEXT, RawSocket, raw_connect
from translate_svc.gateway.server import GatewayServer
from translate_svc.gateway.socket_response import MaskedFrames

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


class Taken:
    """In place of a parser: what came."""

    def __init__(self) -> None:
        self.data = b""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.data += data
        return False, b""

    def feed_eof(self) -> None:
        """Nothing depends on it."""


@given(
    st.lists(st.integers(0, 70_000), max_size=4),
    st.lists(st.integers(1, 40_000), max_size=30),
    st.integers(0),
)
def test_masked_frames_pass_as_they_are(sizes: list[int], steps: list[int], handshake: int) -> None:
    client = object.__new__(RawSocket)  # its frames need no connection
    sent = b"".join(client.frame(bytes(size)) for size in sizes)
    with_handshake = handshake % (len(sent) + 1)
    parser = Taken()
    parser.feed_data(sent[:with_handshake])
    frames, at = MaskedFrames(parser, sent[:with_handshake]), with_handshake
    for step in (*steps, len(sent)):
        frames.feed_data(sent[at : at + step])
        at += step
    assert parser.data == sent
