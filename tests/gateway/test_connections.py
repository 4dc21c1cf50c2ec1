"""What a connection of the HTTP port may cost before anybody has said anything on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.fakes.model_free_service import ModelFreeService
from tests.waiting import is_closed
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.server import GatewayServer

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def connection(server: GatewayServer) -> AsyncIterator[Connection]:
    host, _, port = server.target.rpartition("/")[2].rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def answers(server: GatewayServer) -> bool:
    try:
        async with aiohttp.ClientSession(server.target) as http, http.get("/v1/models") as response:
            return response.status == 200
    except aiohttp.ClientConnectionError:
        return False


class TestTooMany:
    @pytest.fixture
    def options(self) -> GatewayOptions:
        return GatewayOptions(max_connections=2)

    async def test_a_connection_too_many_is_closed_and_the_others_stay(self, server: GatewayServer) -> None:
        async with connection(server) as first, connection(server) as second:
            for _, writer in (first, second):
                writer.write(b"GET /v1/models HTTP/1.1\r\n")
            async with connection(server) as (third, _):
                assert await is_closed(third)
            assert not await answers(server)
            for reader, writer in (first, second):
                writer.write(b"Host: localhost\r\n\r\n")
                assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        async with asyncio.timeout(30):
            while not await answers(server):  # noqa: ASYNC110 - a connection that ends has no event here
                await asyncio.sleep(0.02)


@pytest.mark.parametrize("sent", [b"", b"GET /v1/models HTTP/1.1\r\nX-Slow: a"], ids=["nothing", "a part"])
async def test_a_request_that_never_comes_whole_is_given_up(service: ModelFreeService, sent: bytes) -> None:
    """However many bytes of it still come."""
    async with (
        GatewayServer(service, GatewayOptions(request_timeout_s=0.3)) as server,
        connection(server) as (reader, writer),
    ):
        writer.write(sent)

        async def drip() -> None:
            while sent:
                await asyncio.sleep(0.02)
                writer.write(b"a")

        dripping = asyncio.create_task(drip())
        assert await is_closed(reader)
        dripping.cancel()


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
        b"GET /v1/models HTTP/9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * 20_000 + b"\r\n\r\n",
    ],
    ids=["tls", "version", "length", "header"],
)
async def test_what_is_no_request_is_answered_without_a_traceback(
    server: GatewayServer, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    async with connection(server) as (reader, writer):
        writer.write(sent)
        head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert b" 400 " in head.partition(b"\r\n")[0]
    assert b"Server: translate-svc\r\n" in head + b"\r\n"
    assert json.loads(body)["error"]["code"] == "invalid_request"
    assert not [each for each in caplog.records if each.levelname not in ("INFO", "DEBUG") or each.exc_info]


async def test_no_answer_tells_what_the_server_is_made_of(server: GatewayServer) -> None:
    async with aiohttp.ClientSession(server.target) as http:
        for path in ("/", "/v1/models", "/nowhere"):
            async with http.get(path) as response:
                assert response.headers["Server"] == "translate-svc"
                assert "Strict-Transport-Security" not in response.headers
        async with http.ws_connect("/v1/realtime/translations") as socket:
            assert socket._response.headers["Server"] == "translate-svc"
