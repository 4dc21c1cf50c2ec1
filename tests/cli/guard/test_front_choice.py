"""Which front process Envoy gives a request over HTTP: what belongs together comes to one of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.cli.guard import needs_envoy
from translate_svc.cli.guard.envoy.process import find_envoy
from translate_svc.cli.guard.guard import Guard
from translate_svc.cli.guard.options import Door, GuardOptions
from translate_svc.cli.interrupts import temporary_folder

pytestmark = [needs_envoy, pytest.mark.timeout(120)]

FRONTS = 3


@asynccontextmanager
async def front(socket: Path, number: int) -> AsyncIterator[None]:
    """Answers every request with its number."""

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.Response(text=str(number))

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.UnixSite(runner, str(socket)).start()
    try:
        yield
    finally:
        await runner.cleanup()


@asynccontextmanager
async def guarded() -> AsyncIterator[tuple[str, tuple[Path, ...]]]:
    """The address of an Envoy, and the sockets of the front processes that it expects."""
    program = find_envoy()
    assert program is not None
    with temporary_folder("guard-test-") as folder:
        sockets = tuple(folder / f"{number}.sock" for number in range(FRONTS))
        options = GuardOptions((Door("http", "127.0.0.1", 0, sockets),), folder)
        guard = Guard(program, options, lambda: None)
        await guard.open("http")
        try:
            yield f"http://{guard.address('http')}", sockets
        finally:
            await guard.close("http")


@pytest.fixture
async def address() -> AsyncIterator[str]:
    async with guarded() as (address, sockets), AsyncExitStack() as stack:
        for number, socket in enumerate(sockets):
            await stack.enter_async_context(front(socket, number))
        yield address


async def asked(address: str, path: str, method: str = "POST", *, host: str = "127.0.0.1") -> str:
    """Which front process answers a caller at ``host``, over a connection of its own."""
    connector = aiohttp.TCPConnector(local_addr=(host, 0))
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.request(method, address + path) as response,
    ):
        return await response.text()


async def test_all_of_a_room_comes_to_one_process_and_rooms_are_spread(address: str) -> None:
    seen = set()
    for room in (f"room-{number}" for number in range(12)):
        speaker = await asked(address, f"/v1/whip/{room}?language=en")
        assert await asked(address, f"/v1/whep/{room}") == speaker
        assert await asked(address, f"/v1/whep/{room}/abc", "PATCH") == speaker
        assert await asked(address, f"/v1/whip/{room}/def", "DELETE") == speaker
        seen.add(speaker)
    assert len(seen) > 1


async def test_a_room_whose_process_is_away_waits_for_it_and_others_do_not() -> None:
    """Who opened it elsewhere would lose all listeners as soon as its process is back."""
    rooms = [f"/v1/{kind}/room-{number}" for kind in ("whip", "whep") for number in range(12)]
    async with guarded() as (address, sockets), AsyncExitStack() as stack:
        await stack.enter_async_context(front(sockets[0], 0))
        early_answers = [await asked(address, room) for room in rooms]
        assert await asked(address, "/v1/realtime/calls") == "0"
        for number in (1, 2):
            await stack.enter_async_context(front(sockets[number], number))
        late_answers = [await asked(address, room) for room in rooms]
    at_home = [early == "0" for early in early_answers]
    assert any(at_home)
    assert not all(at_home)
    for is_at_home, early, late in zip(at_home, early_answers, late_answers, strict=True):
        assert late == "0" if is_at_home else late in "12"
        assert is_at_home or "The server cannot be reached now." in early


async def test_an_offer_that_is_posted_again_finds_its_call(address: str) -> None:
    path = "/v1/realtime/translations/calls?model=m"
    assert await asked(address, path) == await asked(address, path)


@pytest.mark.parametrize("index", range(FRONTS))
async def test_a_call_is_changed_and_ended_where_it_was_answered_from_any_address(
    address: str, index: int
) -> None:
    for host in (f"127.0.0.{number}" for number in range(1, 7)):
        for path in (f"/v1/realtime/translations/calls/rtc_{index}_c1", f"/v1/realtime/calls/rtc_{index}_c1"):
            for method in ("POST", "PATCH", "DELETE"):
                assert await asked(address, path, method, host=host) == str(index)
        assert await asked(address, f"/v1/realtime/calls/rtc_{index}_c1/hangup", host=host) == str(index)


async def test_a_call_that_no_process_can_have_is_answered_by_one(address: str) -> None:
    for name in ("c1", "rtc_3_c1", "rtc_00_c1", "rtc_1"):
        assert await asked(address, f"/v1/realtime/calls/{name}", "DELETE") in "012"


async def test_other_requests_are_spread(address: str) -> None:
    answers = {await asked(address, "/v1/realtime/translations", "GET") for _ in range(40)}
    assert answers == {str(number) for number in range(FRONTS)}
