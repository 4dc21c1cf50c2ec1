"""The HTTP port behind the real Envoy: the real server, whose engine follows a script."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.certificates import Authority
from tests.cli.guard import needs_envoy
from tests.cli.guard.guarded import Guarded, guarded
from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.gateway.clients import TRANSLATIONS, connect, pcm16, silence, tone
from tests.gateway.files.test_uploads import CLIP, form, slow_script
from tests.waiting import is_closed, until
from translate_svc.cli.guard.envoy.parts import PEER_HEADER
from translate_svc.cli.guard.limits import HttpLimits
from translate_svc.engine.request import Request
from translate_svc.gateway.options import GatewayOptions, Proxy
from translate_svc.gateway.server import GatewayServer
from translate_svc.serving.tls_files import TlsFiles

pytestmark = [needs_envoy, pytest.mark.timeout(120)]

_FILES = "/v1/audio/translations"


@asynccontextmanager
async def http_server(
    service: ModelFreeService,
    tls: TlsFiles | None = None,
    limits: HttpLimits = HttpLimits(),  # noqa: B008 - frozen
    **options: Any,
) -> AsyncIterator[Guarded]:
    def make(socket: Path) -> GatewayServer:
        proxy = Proxy(str(socket), PEER_HEADER, tls=tls is not None)
        return GatewayServer(service, GatewayOptions(proxy=proxy, **options))

    async with guarded({"http": make}, tls, http_limits=limits) as running:
        yield running


def url(running: Guarded) -> str:
    return f"http://{running.servers['http'].target}"


@asynccontextmanager
async def connection(running: Guarded) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, _, port = running.servers["http"].target.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def body_of(head: bytes, reader: asyncio.StreamReader) -> bytes:
    length = int(head.lower().partition(b"content-length: ")[2].split()[0])
    return await reader.readexactly(length)


async def test_nobody_sees_that_envoy_is_there() -> None:
    async with (
        model_free_service() as service,
        http_server(service) as running,
        connection(running) as (reader, writer),
    ):
        for path, status in ((b"/v1/models", b"200"), (b"/nowhere", b"404")):
            writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 " + status)
            assert b"\r\nServer: translate-svc\r\n" in head
            assert b"envoy" not in head.lower()
            assert json.loads(await body_of(head, reader))


async def test_a_session_over_a_web_socket_speaks_in_both_directions() -> None:
    async with (
        model_free_service() as service,
        http_server(service) as running,
        connect(url(running)) as socket,
    ):
        await socket.open("es")
        await socket.append(pcm16(tone(1.0)) + pcm16(silence(1.0)))
        await socket.until("session.output_transcript.delta")
        await socket.send("session.close")
        assert await socket.to_the_end() == 1000


async def test_an_upload_reaches_the_server_while_it_is_sent_and_is_refused_in_its_midst() -> None:
    async with model_free_service() as service, http_server(service, max_file_bytes=4 << 20) as running:
        sent = 0

        async def slowly() -> AsyncIterator[bytes]:
            nonlocal sent
            boundary = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
            yield boundary
            while sent < 64:  # MiB: far more than the server takes
                sent += 1
                yield bytes(1 << 20)
                await asyncio.sleep(0.02)

        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        async with (
            aiohttp.ClientSession(url(running), headers=headers) as http,
            http.post(_FILES, data=slowly()) as response,
        ):
            assert response.status == 413
            assert (await response.json())["error"]["code"] == "request_too_large"
        assert sent < 32, "nothing holds an upload back until it is whole"


def slow_words(request: Request) -> ScriptedRequest:
    spoken = ScriptedSequence(deltas=(" one", " two", " three", " four"), token_interval_s=0.5)
    return ScriptedRequest((spoken,) * len(request.sequences))


async def test_a_streamed_answer_comes_while_it_is_made() -> None:
    async with model_free_service(slow_words) as service, http_server(service) as running:
        data = form(CLIP)
        data.add_field("language", "en")
        data.add_field("stream", "true")
        async with (
            aiohttp.ClientSession(url(running)) as http,
            http.post("/v1/audio/transcriptions", data=data) as response,
        ):
            assert response.headers["Content-Type"].startswith("text/event-stream")
            came_s = [
                asyncio.get_running_loop().time()
                async for line in response.content
                if line.startswith(b"data: ")
            ]
    assert len(came_s) > 4
    assert came_s[-1] - came_s[0] > 0.5, "the first words were not held back until the last"


async def test_bounds_of_connections_and_requests_are_kept() -> None:
    limits = HttpLimits(max_connections=2, header_s=0.5, connection_idle_s=0.5)
    async with (
        model_free_service() as service,
        http_server(service, limits=limits) as running,
        connection(running) as (silent, _),
        connection(running) as (slow, writer),
    ):
        writer.write(b"GET /v1/models HTTP/1.1\r\nX-Slow: a")

        async def drip() -> None:
            while True:
                await asyncio.sleep(0.05)
                writer.write(b"a")

        async with connection(running) as (too_many, _):
            assert await is_closed(too_many)
        dripping = asyncio.create_task(drip())
        assert await is_closed(slow)
        assert await is_closed(silent)
        dripping.cancel()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"a" * 40_000 + b"\r\n\r\n", b"431"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X-Many: a\r\n" * 200 + b"\r\n", b"431"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", b"400"),
    ],
    ids=["long", "many", "smuggled", "tls"],
)
async def test_what_is_no_request_is_answered_in_the_servers_words(head: bytes, status: bytes) -> None:
    async with (
        model_free_service() as service,
        http_server(service) as running,
        connection(running) as (reader, writer),
    ):
        writer.write(head)
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 " + status)
        assert b"envoy" not in answer.lower()
        assert b"\r\nserver: translate-svc\r\n" in answer.lower()
        assert json.loads(await body_of(answer, reader))["error"]["code"] == "invalid_request"


async def test_tls_ends_in_envoy_and_the_servers_own_pages_are_still_its_own(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue("server")
    trusting = ssl.create_default_context(cafile=authority.ca)
    async with (
        model_free_service() as service,
        http_server(service, TlsFiles(issued.certificate, issued.key)) as running,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusting)) as http,
    ):
        port = running.servers["http"].target.rpartition(":")[2]
        address = f"https://localhost:{port}"
        for origin, status in ((address, 200), (f"http://localhost:{port}", 403)):
            async with http.get(f"{address}/v1/models", headers={"Origin": origin}) as response:
                assert response.status == status
        async with http.get(f"{address}/v1/models", headers={"Host": "example.org"}) as response:
            assert "Strict-Transport-Security" in response.headers
        async with http.ws_connect(f"{address}{TRANSLATIONS}", origin=address) as socket:
            assert (await socket.receive_json())["type"] == "session.created"


async def test_each_address_has_its_own_places_whatever_it_says_of_itself() -> None:
    lies = {PEER_HEADER: "127.0.0.9:1", "X-Forwarded-For": "127.0.0.9", "Forwarded": "for=127.0.0.9"}
    async with (
        model_free_service(slow_script) as service,
        http_server(service, max_uploads=3, max_uploads_per_caller=1) as running,
        aiohttp.ClientSession(url(running)) as one,
        aiohttp.ClientSession(
            url(running), connector=aiohttp.TCPConnector(local_addr=("127.0.0.2", 0))
        ) as other,
    ):

        async def send(http: aiohttp.ClientSession, content: bytes, **said: str) -> int:
            async with http.post(_FILES, data=form(content), headers=said) as answer:
                return answer.status

        translated = asyncio.create_task(send(one, CLIP))
        await until(lambda: running.servers["http"].live_streams == 1)
        assert await send(one, b"no sound", **lies) == 429
        assert await send(other, b"no sound") == 400, "it has a place: the file is looked at"
        translated.cancel()


async def test_a_caller_that_leaves_is_noticed_by_the_server() -> None:
    async with model_free_service() as service, http_server(service) as running:
        async with connect(url(running)) as socket:
            await socket.open("es")
            assert running.servers["http"].live_streams == 1
            socket.raw._response.connection.transport.abort()  # type: ignore[union-attr]
        await until(lambda: running.servers["http"].live_streams == 0)
