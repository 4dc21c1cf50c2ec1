"""Floods against a server process: what they cost its memory, and whether others are served beside them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
import pytest_asyncio

from benchmarks.attacks.aim import Aim
from benchmarks.attacks.bystanders import open_stream
from benchmarks.attacks.floods import ATTACKS
from benchmarks.attacks.measure import GIVEN_BACK_S
from benchmarks.soak.server import ServerSetup
from benchmarks.soak.server_process import ServerProcess, server_process
from tests.waiting import until
from translate_svc.rpc.options import MIB
from translate_svc.rpc.servicer import SERVICE_NAME
from translate_svc.v1 import speech_translation_pb2 as pb

pytestmark = [
    pytest.mark.realtime,
    pytest.mark.timeout(120),
    pytest.mark.asyncio(loop_scope="module"),
]

MAX_GROWTH_MIB, MAX_KEPT_MIB = 256, 64
CLIP = pb.TranslateRequest(
    clip=pb.AudioClip(
        format=pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=16_000), data=bytes(4 * MIB)
    ),
    targets=[pb.TargetSettings(language="nonsense")],
).SerializeToString()
"""As large as a clip may be, and refused for its target."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[ServerProcess]:
    async with server_process(ServerSetup(max_streams=8)) as running:
        yield running


def peak_mib(server: ServerProcess) -> float:
    """The most memory that the process has had since the last call."""
    process = Path(f"/proc/{server.pid}")
    status = (process / "status").read_text()
    (process / "clear_refs").write_text("5")  # proc(5): the peak begins anew
    (kilobytes,) = re.findall(r"VmHWM:\s+(\d+) kB", status)
    return int(kilobytes) / 1024


async def given_back(server: ServerProcess, resident_mib: float) -> None:
    """Waits until no more of an attack is left than may stay."""
    await until(lambda: resident(server) - resident_mib < MAX_KEPT_MIB, GIVEN_BACK_S)


def resident(server: ServerProcess) -> float:
    """The memory that the process has now, in MiB."""
    (kilobytes,) = re.findall(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{server.pid}/status").read_text())
    return int(kilobytes) / 1024


async def flood(server: ServerProcess, message: bytes, *, connections: int, calls: int) -> set[str]:
    """``calls`` with this message over so many connections at a time; returns the codes that came back."""
    codes = set()

    async def one_after_the_other(count: int) -> None:
        options = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)]
        async with grpc.aio.insecure_channel(server.target, options=options) as channel:
            translate: Any = cast(Any, channel).unary_stream(
                f"/{SERVICE_NAME}/Translate", request_serializer=None
            )
            for _ in range(count):
                call = translate(message)
                try:
                    async for _ in call:
                        pass
                except grpc.aio.AioRpcError:
                    pass
                codes.add((await call.code()).name)

    await asyncio.gather(*(one_after_the_other(calls // connections) for _ in range(connections)))
    return codes


async def test_messages_of_tiny_parts_leave_nothing(server: ServerProcess) -> None:
    """Each would parse to some 200 MB, and a refused call was freed only by a full garbage collection."""
    before_mib, resident_mib = peak_mib(server), resident(server)
    codes = await flood(server, b"\x22\x00" * (2 * MIB), connections=6, calls=18)
    assert codes == {"OUT_OF_RANGE"}
    assert peak_mib(server) - before_mib < MAX_GROWTH_MIB
    await given_back(server, resident_mib)


async def test_whole_clips_that_are_refused_leave_nothing(server: ServerProcess) -> None:
    before_mib, resident_mib = peak_mib(server), resident(server)
    codes = await flood(server, CLIP, connections=16, calls=32)
    assert codes == {"INVALID_ARGUMENT"}
    assert peak_mib(server) - before_mib < MAX_GROWTH_MIB
    await given_back(server, resident_mib)


@asynccontextmanager
async def under_attack(server: ServerProcess, name: str) -> AsyncIterator[Aim]:
    """The attack has run for 0.7 s when the block begins, and runs until it ends."""
    aim = Aim(server.target, "", key="", source="127.0.0.1")
    attack = asyncio.create_task(ATTACKS[name](aim))
    await asyncio.sleep(0.7)
    try:
        yield aim
    finally:
        attack.cancel()
        await asyncio.gather(attack, return_exceptions=True)


@pytest.mark.parametrize(
    "name", ["half clips", "watches, one connection", "watches, 20 connections", "clears"]
)
async def test_a_stream_is_opened_while_others_hold_what_they_can(server: ServerProcess, name: str) -> None:
    """The newcomer has the address of the attacker, as behind a gateway."""
    before_mib, resident_mib = peak_mib(server), resident(server)
    # callers without a key are one caller: on a slow machine the attack has all its calls before the newcomer
    answers = {"opened", "RESOURCE_EXHAUSTED"} if name == "watches, 20 connections" else {"opened"}
    async with under_attack(server, name) as aim:
        assert await open_stream(server.target, key="", give_up_s=60) in answers
        await until(lambda: sum(aim.done.values()) > 1)
    assert peak_mib(server) - before_mib < MAX_GROWTH_MIB
    await given_back(server, resident_mib)
