"""The benchmark of attacks attacks, and sees what an attack costs others."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import grpc
import pytest
import pytest_asyncio

from benchmarks.attacks.aim import Aim
from benchmarks.attacks.bystanders import Speaker, open_stream
from benchmarks.attacks.floods import ATTACKS
from benchmarks.attacks.http2 import connect, message
from benchmarks.attacks.measure import differences
from benchmarks.soak.server import ServerSetup
from benchmarks.soak.server_process import ServerProcess, server_process
from translate_svc.admin.options import AdminOptions
from translate_svc.admin.probes import Probes
from translate_svc.admin.server import AdminServer
from translate_svc.observability.metrics import Metrics
from translate_svc.rpc.servicer import SERVICE_NAME

pytestmark = pytest.mark.realtime
_in_the_servers_loop = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[ServerProcess]:
    async with server_process(ServerSetup(max_streams=40)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin() -> AsyncIterator[str]:
    async with AdminServer(AdminOptions(port=0), Metrics(), Probes()) as running:
        yield running.address


@_in_the_servers_loop
@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_reaches_the_server_and_a_newcomer_is_served(
    server: ServerProcess, admin: str, name: str
) -> None:
    aim = Aim(server.target, admin, key="")

    def did_something() -> bool:
        return sum(count for did, count in aim.done.items() if did != "cut off") > 1

    attack = asyncio.create_task(ATTACKS[name](aim))
    await asyncio.wait({attack}, timeout=0.4)
    async with asyncio.timeout(60):  # on a busy machine the first message alone may take seconds
        while not did_something() and not attack.done():  # noqa: ASYNC110 - the counts have no event
            await asyncio.sleep(0.02)
    attack.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await attack
    assert did_something(), aim.done
    assert not [did for did in aim.done if did.endswith("Error") and did != "ConnectionResetError"], aim.done
    assert await open_stream(server.target, key="", give_up_s=60) == "opened"


@_in_the_servers_loop
async def test_a_call_by_hand_is_a_call(server: ServerProcess) -> None:
    """Nothing can be said of floods that never were HTTP/2."""
    async with connect(server.target) as connection:
        call, headers = connection.start_call(f"/{SERVICE_NAME}/GetServerInfo")
        await connection.write(headers)
        await connection.send_message(call, message(b""), half_close=True)
        await call.ended.wait()
        assert call.outcome == str(grpc.StatusCode.OK.value[0])
        assert connection.received["Data"] == 1


@pytest.mark.slow
@_in_the_servers_loop
async def test_bystanders_have_the_same_results_in_every_run(server: ServerProcess) -> None:
    one, same, other = (Speaker(server.target, "", number, 5.0) for number in (0, 0, 1))
    await asyncio.gather(one.run(), same.run(), other.run())
    assert len(one.results()) == 3
    assert len(one.heard.texts) == 2, "the last one was cut by the end, not by a pause"
    assert differences(one.results(), same.results()) == 0
    assert differences(one.results(), other.results()) > 0
