"""A server whose engine is lost ends by itself, with the exit code that says so, whatever hangs."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.process import ROOT, STARTER, admin_address, environment
from tests.service.float_streams import clip
from translate_svc.cli.commands.serve import READY_PREFIX
from translate_svc.client import AsyncClient, AsyncStream
from translate_svc.errors import Unavailable
from translate_svc.types import SessionEvent, SpeechEnded, StreamWarning, TargetSettings, UtteranceDone

SPANISH: dict[str, Any] = {"targets": ["es"], "source": "en", "sample_rate_hz": 16_000}
_HANG = "lambda self, plan: time.sleep(3600)"
_LOSE = "lambda self, plan: (_ for _ in ()).throw(DeviceLost('CUDA error'))"
_SLOW = "lambda self, plan, real=ModelRunner.execute: (time.sleep(0.3), real(self, plan))[1]"
"""Every step ends long before a limit of 2 s, and nobody gets a sentence in time."""
_SERVER = """
import asyncio, sys, time
from translate_svc.cli.commands import serve
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.errors import DeviceLost
from translate_svc.rpc.server import RpcServer
ModelRunner.execute = {execute}
{more}
from translate_svc.cli.main import main
main()
"""
_STOP_HANGS = """
async def stop(self, *args):
    await asyncio.sleep(3600)
RpcServer.stop = stop
serve._EXIT_DEADLINE_S = {deadline_s}
"""


@asynccontextmanager
async def losing(
    execute: str, more: str = "", flags: Sequence[str] = ()
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, str]]:
    """A server that loses its engine at the first step: its process, its address, its admin port's."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _SERVER.format(execute=execute, more=more)),
        *("serve", "--model", STARTER, "--port", "0", "--admin-port", "0", "--step-timeout-s", "0.2", *flags),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
        env=environment({"TRANSLATE_SVC_ADMIN": "true"}),
    )
    try:
        assert process.stdout is not None
        admin = await admin_address(process)
        line = (await process.stdout.readline()).decode()
        assert line.startswith(READY_PREFIX), line
        yield process, line.removeprefix(READY_PREFIX).strip(), admin
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def speak(address: str, times: int = 1) -> None:
    async with AsyncClient(address) as client:
        for _ in range(times):
            await client.translate(text="Hello.", source="en", targets=["es"]).result()


async def read(stream: AsyncStream, into: list[SessionEvent] | None = None) -> None:
    async for event in stream:
        if into is not None:
            into.append(event)


async def log_entries(process: asyncio.subprocess.Process) -> list[dict[str, Any]]:
    _, error = await asyncio.wait_for(process.communicate(), 60)
    return [json.loads(line) for line in error.decode().splitlines() if line.startswith("{")]


async def messages(process: asyncio.subprocess.Process) -> list[str]:
    return [entry["message"] for entry in await log_entries(process)]


async def counts(http: aiohttp.ClientSession, counter: str) -> dict[str, float]:
    """What a counter with the label ``cause`` says, without its zeros."""
    async with http.get("/metrics") as response:
        families = text_string_to_metric_families(await response.text())
    return {
        sample.labels["cause"]: sample.value
        for family in families
        for sample in family.samples
        if sample.name == f"translate_svc_{counter}_total" and sample.value
    }


@pytest.mark.parametrize(
    ("execute", "said"),
    [
        pytest.param(_HANG, "the engine is given up: a step takes longer", id="hangs"),
        pytest.param(_LOSE, "the engine failed: DeviceLost", id="loses-its-device", marks=pytest.mark.slow),
    ],
)
async def test_it_tells_its_clients_the_true_reason_and_exits_with_3(execute: str, said: str) -> None:
    """Both the one whose request was lost and the one who had asked for nothing yet."""
    async with losing(execute) as (process, address, _):
        async with AsyncClient(address) as client, client.stream(**SPANISH) as idle:
            reading = asyncio.create_task(read(idle))
            with pytest.raises(Unavailable):  # gRPC tries it again, and finds nobody
                await client.translate(text="Hello.", source="en", targets=["es"]).result()
            with pytest.raises(Unavailable, match=r"^the engine was lost$"):
                await reading
        log = await log_entries(process)
        assert process.returncode == 3
    assert any(entry["message"].startswith(said) for entry in log)
    assert log[-1]["message"] == "stopped", "it went the orderly way"
    ended = [entry for entry in log if entry["message"] == "stream ended"]
    assert {(each["kind"], each["status"], each["cause"]) for each in ended} == {
        ("call", "UNAVAILABLE", "engine_lost"),
        ("stream", "UNAVAILABLE", "engine_lost"),
    }


@pytest.mark.parametrize("flags", [(), ("--front-processes", "2")], ids=["one-process", "front-processes"])
async def test_an_utterance_that_was_in_the_engine_is_not_told_as_a_failed_one(flags: Sequence[str]) -> None:
    """Another server may translate it: a client that resumes would get its text after its end."""
    told: list[SessionEvent] = []
    targets = [TargetSettings("es", speech=False)]
    async with (
        losing(_LOSE, flags=flags) as (_, address, _),
        AsyncClient(address) as client,
        client.stream(**SPANISH | {"targets": targets}) as stream,
    ):
        await stream.send(clip("eng_1"))
        await stream.end()
        with pytest.raises(Unavailable, match=r"^the engine was lost$"):
            await read(stream, told)
    assert any(isinstance(event, SpeechEnded) for event in told)
    assert not [event for event in told if isinstance(event, StreamWarning | UtteranceDone)]


async def test_an_engine_whose_every_step_is_slow_is_lost_too() -> None:
    async with losing(_SLOW, flags=("--step-timeout-s", "2")) as (process, address, _):
        with pytest.raises(Unavailable):
            await speak(address, times=20)
        log = await messages(process)
        assert process.returncode == 3
    assert any(re.match(r"the engine is given up: \d+ steps took", message) for message in log)


async def test_the_loss_is_counted_and_new_callers_are_told_too() -> None:
    async with (
        losing(_LOSE, _STOP_HANGS.format(deadline_s=600.0)) as (_, address, admin),
        aiohttp.ClientSession(f"http://{admin}") as http,
        AsyncClient(address) as client,
    ):
        for _ in range(2):
            with pytest.raises(Unavailable, match=r"^the engine was lost$"):
                await client.translate(text="Hello.", source="en", targets=["es"]).result()
        assert await counts(http, "streams_closed") == {"engine_lost": 1}
        rejected = await counts(http, "rejected")
        assert set(rejected) == {"engine_lost"}
        assert rejected["engine_lost"] > 1, "the client tries again: another server might take it"


async def test_it_is_neither_ready_nor_alive() -> None:
    async with (
        losing(_HANG, _STOP_HANGS.format(deadline_s=600.0)) as (_, address, admin),
        aiohttp.ClientSession(f"http://{admin}") as http,
    ):
        async with http.get("/readyz") as response:
            assert response.status == 200
        call = asyncio.create_task(speak(address))
        async with asyncio.timeout(60):
            while True:
                async with http.get("/readyz") as response:
                    if response.status == 503:
                        assert await response.text() == "the engine was lost\n"
                        break
                await asyncio.sleep(0.02)
        async with http.get("/healthz") as response:
            assert response.status == 503
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)


async def test_it_ends_even_if_its_shutdown_hangs() -> None:
    async with losing(_HANG, _STOP_HANGS.format(deadline_s=1.0)) as (process, address, _):
        call = asyncio.create_task(speak(address))
        log = await messages(process)
        assert process.returncode == 3
        assert log[-1].startswith("the process does not end by itself within 1 s")
        await asyncio.gather(call, return_exceptions=True)
