"""The admin port over real HTTP: the responses to probes and scrapers."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from translate_svc.admin.options import AdminOptions
from translate_svc.admin.probes import Probes
from translate_svc.admin.server import AdminServer
from translate_svc.errors import InvalidArgument
from translate_svc.observability.metrics import Metrics
from translate_svc.observability.snapshot import NOT_READY
from translate_svc.types import ServerLoad


@dataclass
class FakeService:
    engine_lost: bool = False
    not_ready_reason: str = ""


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def probes() -> Probes:
    return Probes()


@pytest.fixture
async def http(metrics: Metrics, probes: Probes) -> AsyncIterator[aiohttp.ClientSession]:
    async with (
        AdminServer(AdminOptions(port=0), metrics, probes) as server,
        aiohttp.ClientSession(f"http://{server.address}") as session,
    ):
        yield session


async def _get(http: aiohttp.ClientSession, path: str) -> tuple[int, str]:
    async with http.get(path) as response:
        return response.status, await response.text()


async def test_draining_is_alive_and_not_ready(http: aiohttp.ClientSession, probes: Probes) -> None:
    probes.attach(FakeService(not_ready_reason="the server is draining"))
    assert await _get(http, "/healthz") == (200, "ok\n")
    assert await _get(http, "/readyz") == (503, "the server is draining\n")


async def test_a_scrape_reads_what_is_true_now(http: aiohttp.ClientSession, metrics: Metrics) -> None:
    load = ServerLoad(text_tokens=7, source_ms=2_500)
    metrics.set_snapshot_function(
        lambda: replace(NOT_READY, ready=True, streams_active=3, queued_audio_s=1.5, load=load)
    )
    status, text = await _get(http, "/metrics")
    samples = {
        sample.name: sample.value for f in text_string_to_metric_families(text) for sample in f.samples
    }
    assert status == 200
    assert samples["translate_svc_ready"] == 1
    assert samples["translate_svc_streams_active"] == 3
    assert samples["translate_svc_queued_audio_seconds"] == 1.5
    assert samples["translate_svc_text_tokens_total"] == 7
    assert samples["translate_svc_source_seconds_total"] == 2.5
    assert samples["process_resident_memory_bytes"] > 0


@pytest.mark.parametrize("sent", [b"\0\1\2 HTTP\r\n\r\n", b"GET /metrics HTTP/1.1\r\nsecret\r\n\r\n"])
async def test_what_is_no_request_is_refused_without_a_traceback(
    metrics: Metrics, probes: Probes, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    caplog.set_level("INFO")
    async with AdminServer(AdminOptions(port=0), metrics, probes) as server:
        reader, writer = await asyncio.open_connection(*server.address.split(":"))
        writer.write(sent)
        assert (await reader.read()).startswith(b"HTTP/1.0 400 ")
        writer.close()
    (said,) = caplog.records
    assert (said.levelname, said.exc_info) == ("INFO", None)
    assert "secret" not in said.getMessage()


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/", 404), ("POST", "/healthz", 405)])
async def test_nothing_else_is_served(
    http: aiohttp.ClientSession, method: str, path: str, status: int
) -> None:
    async with http.request(method, path) as response:
        assert response.status == status


async def test_headers_that_never_end_are_given_up(metrics: Metrics, probes: Probes) -> None:
    """A byte now and then does not keep the connection."""
    async with AdminServer(AdminOptions(port=0, request_timeout_s=0.3), metrics, probes) as server:
        reader, writer = await asyncio.open_connection(*server.address.split(":"))
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: admin\r\nX-Slow: ")
        async with asyncio.timeout(60):
            end = asyncio.create_task(reader.read(1))
            while not end.done():
                writer.write(b"a")
                await asyncio.wait({end}, timeout=0.05)
            assert await end == b""
        writer.close()


async def test_connections_that_wait_do_not_keep_a_probe_out(metrics: Metrics, probes: Probes) -> None:
    async with AdminServer(AdminOptions(port=0, max_connections=8), metrics, probes) as server:
        address = server.address.split(":")
        held = [await asyncio.open_connection(*address) for _ in range(40)]
        async with aiohttp.ClientSession(f"http://{server.address}") as http:
            assert await _get(http, "/healthz") == (200, "ok\n")
        ends = [asyncio.create_task(reader.read(1)) for reader, _ in held]
        async with asyncio.timeout(60):
            while sum(end.done() for end in ends) < 40 + 1 - 8:  # noqa: ASYNC110 - the count has no event
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.1)
        assert [end.done() for end in ends] == [True] * 33 + [False] * 7, "the oldest gave way"
        for _, writer in held:
            writer.close()
        await asyncio.gather(*ends, return_exceptions=True)


async def test_a_port_in_use_is_said_in_one_line(metrics: Metrics, probes: Probes) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InvalidArgument, match=rf"^admin_port: 127.0.0.1:{port} is in use: .*--no-admin$"):
            async with AdminServer(AdminOptions(port=port), metrics, probes):
                pass


async def test_a_foreign_address_is_said_in_one_line(metrics: Metrics, probes: Probes) -> None:
    with pytest.raises(InvalidArgument, match=r"^admin_host: is not an address of this machine$"):
        async with AdminServer(AdminOptions("192.0.2.1", 0), metrics, probes):
            pass
