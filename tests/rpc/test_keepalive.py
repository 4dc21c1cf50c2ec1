"""A peer that is frozen, not gone: its kernel goes on to acknowledge, and only an unanswered ping tells."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.rpc.conftest import CONFIG, until
from tests.rpc.scripted_session import ScriptedService
from translate_svc.client import AsyncClient, AsyncStream, ClientOptions
from translate_svc.errors import OutOfRange, Unavailable
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.types import SessionEvent

pytestmark = pytest.mark.realtime

NOTICED_WITHIN_S = 6.0
ROOT = Path(__file__).resolve().parents[2]
FROZEN_CLIENT = """
import sys, time, grpc
from translate_svc.v1 import speech_translation_pb2 as pb, speech_translation_pb2_grpc as pb_grpc
def requests():
    yield pb.StreamingTranslateRequest(config=pb.StreamConfig.FromString(bytes.fromhex(sys.argv[2])))
    time.sleep(60)
stub = pb_grpc.SpeechTranslationStub(grpc.insecure_channel(sys.argv[1]))
for response in stub.StreamingTranslate(requests()):
    print(response.WhichOneof("event"), flush=True)
"""
FROZEN_SERVER = """
import asyncio
from tests.rpc.scripted_session import ScriptedService
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
async def serve():
    async with RpcServer(ScriptedService(), RpcOptions(keepalive_time_ms=6_000)) as server:
        print(server.target, flush=True)
        await asyncio.sleep(60)
asyncio.run(serve())
"""


@asynccontextmanager
async def child(program: str, *arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A Python process, and the first line it says."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", program, *arguments),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        yield process, line.decode().strip()
    finally:
        process.kill()
        await process.wait()


async def frozen_client() -> float:
    """Seconds until the server has freed a stream whose client is frozen."""
    service = ScriptedService()
    options = RpcOptions(keepalive_time_ms=3_000, keepalive_timeout_ms=2_000, ping_timeout_ms=2_000)
    async with (
        RpcServer(service, options) as server,
        child(FROZEN_CLIENT, server.target, CONFIG.SerializeToString().hex()) as (process, said),
    ):
        assert said == "opened"
        os.kill(process.pid, signal.SIGSTOP)
        frozen_s = time.monotonic()
        await asyncio.wait_for(service.sessions[0].cancelled.wait(), 15)
        await until(lambda: server.live_streams == 0)
        return time.monotonic() - frozen_s


async def frozen_server() -> float:
    """Seconds until the client has noticed that its server is frozen."""
    options = ClientOptions(keepalive_time_ms=3_000, keepalive_timeout_ms=2_000, ping_timeout_ms=2_000)
    async with (
        child(FROZEN_SERVER) as (process, target),
        AsyncClient(target, options) as client,
        client.stream(targets=["spa"], sample_rate_hz=16_000) as stream,
    ):
        os.kill(process.pid, signal.SIGSTOP)
        frozen_s = time.monotonic()
        with pytest.raises(Unavailable):
            await asyncio.wait_for(read_all(stream), 15)
        return time.monotonic() - frozen_s


async def read_all(stream: AsyncStream) -> list[SessionEvent]:
    return [event async for event in stream]


async def test_a_frozen_peer_is_noticed_by_either_side() -> None:
    client_s, server_s = await asyncio.gather(frozen_client(), frozen_server())
    assert client_s < NOTICED_WITHIN_S
    assert server_s < NOTICED_WITHIN_S


async def test_a_silent_peer_that_lives_is_left_alone() -> None:
    """Longer than it takes to notice a frozen one; our pings do not get the client thrown out either."""
    service = ScriptedService()
    quick = {"keepalive_time_ms": 1_000, "keepalive_timeout_ms": 1_000, "ping_timeout_ms": 1_000}
    async with (
        RpcServer(service, RpcOptions(**quick)) as server,  # type: ignore[arg-type]
        AsyncClient(server.target, ClientOptions(**quick)) as client,  # type: ignore[arg-type]
        client.stream(targets=["spa"], sample_rate_hz=16_000) as stream,
    ):
        await asyncio.sleep(2.5)
        await stream.end()
        assert [type(event).__name__ for event in await read_all(stream)] == ["Opened", "Closed"]


@pytest.mark.parametrize("field", ["keepalive_time_ms", "keepalive_timeout_ms", "ping_timeout_ms"])
def test_what_grpc_would_round_is_refused(field: str) -> None:
    with pytest.raises(OutOfRange) as refusal:
        RpcOptions(**{field: 999})  # type: ignore[arg-type]
    assert refusal.value.field == field
