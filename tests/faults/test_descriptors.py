"""A server with 64 descriptors and hundreds of connections: it waits, and those inside live on."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp
import pytest

from tests.cli.process import ROOT, STARTER, admin_address, environment
from tests.faults.bystanders import speak
from translate_svc.cli.commands.serve import READY_PREFIX
from translate_svc.cli.descriptors import connections_within_limit
from translate_svc.client import AsyncClient

_LIMIT = 64


@dataclass(slots=True)
class _Server:
    address: str
    http: str
    admin: str
    complaints: list[str] = field(default_factory=list)
    """Lines of its log from errors up."""


@asynccontextmanager
async def _server() -> AsyncIterator[_Server]:
    command = f'ulimit -n {_LIMIT}; exec "$0" -m translate_svc "$@"'
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", command, sys.executable, "serve", "--model", STARTER),
        *("--port", "0", "--http", "127.0.0.1:0", "--admin-port", "0"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=environment({"TRANSLATE_SVC_ADMIN": "true"}),
    )
    try:
        assert process.stdout is not None
        assert process.stderr is not None
        admin = await admin_address(process)
        lines = [(await process.stdout.readline()).decode().strip() for _ in range(2)]
        assert all(line.startswith(READY_PREFIX) for line in lines), lines
        address, http = (line.removeprefix(READY_PREFIX) for line in lines)
        server = _Server(address, http.removeprefix("http://"), admin)
        logging = asyncio.create_task(_read_log(process.stderr, server.complaints))
        yield server
        process.kill()
        await logging
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _read_log(stderr: asyncio.StreamReader, complaints: list[str]) -> None:
    while line := (await stderr.readline()).decode():
        if '"level": "info"' not in line and '"level": "warning"' not in line:
            complaints.append(line)


@contextmanager
def _connections(address: str, count: int = 300) -> Iterator[None]:
    host, _, port = address.rpartition(":")
    opened = [socket.socket() for _ in range(count)]
    try:
        for each in opened:
            each.setblocking(False)
            each.connect_ex((host, int(port)))
        yield
    finally:
        for each in opened:
            each.close()


async def _ready(server: _Server) -> bool:
    timeout = aiohttp.ClientTimeout(60)
    async with (
        aiohttp.ClientSession(f"http://{server.admin}", timeout=timeout) as http,
        http.get("/readyz") as response,
    ):
        return response.status == HTTPStatus.OK


async def test_a_flood_of_connections_costs_no_stream_no_probe_and_no_disk() -> None:
    async with _server() as server:
        undisturbed = await speak(server.address, 2)
        async with AsyncClient(server.address) as inside:
            await inside.info()  # its connection is there before the flood
            talking = asyncio.create_task(speak(server.address, 2, in_real_time=True))
            await asyncio.sleep(0.5)
            for flooded in (server.address, server.admin):
                with _connections(flooded):
                    for _ in range(3):
                        assert await _ready(server), "probes are answered in time"
                        await asyncio.sleep(0.3)
                    assert (await inside.translate(text="Hello.", source="en", targets=["es"]).result()).text
            assert server.complaints == [], "a connection too many is closed, and that is all"
            began_s = time.monotonic()
            with _connections(server.http):
                await asyncio.sleep(3)
                assert (await inside.translate(text="Hello.", source="en", targets=["es"]).result()).text
            lines, lasted_s = len(server.complaints), time.monotonic() - began_s
            assert 1 <= lines <= lasted_s + 2, "one line a second"
            assert all("no descriptor is left" in line for line in server.complaints)
            (await talking).assert_same(undisturbed)
        async with asyncio.timeout(60):
            while not await _ready(server):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.2)
        (await speak(server.address, 2)).assert_same(undisturbed)


@pytest.mark.parametrize(("soft", "most"), [(1_024, 984), (1_048_576, 8_192), (64, 24), (10, 4)])
def test_connections_leave_descriptors_for_everything_else(
    soft: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (soft, soft))
    assert connections_within_limit(8_192) == most
