"""Machines that vanish from protocols without pings: the kernel is told to ask for them."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest

from tests.rpc.scripted_session import ScriptedService
from translate_svc.serving.tcp_server import TcpOptions, TcpServer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the options of other kernels differ")

_NAMES = ("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT")


class Recorder(TcpServer):
    """Keeps what was set for its connection."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        self.is_kept_alive = connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        self.limits = [connection.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) for name in _NAMES]
        writer.close()


async def test_a_machine_that_has_vanished_is_found_in_the_time_of_the_settings() -> None:
    options = TcpOptions(keepalive_time_ms=20_000, keepalive_timeout_ms=9_000)
    async with Recorder(ScriptedService(), options, callers_required=False) as server:
        host, _, port = server.target.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        assert await reader.read() == b""
        writer.close()
    idle_s, interval_s, probes, unsent_ms = server.limits
    assert server.is_kept_alive
    assert idle_s + probes * interval_s == 29
    assert unsent_ms == 29_000
