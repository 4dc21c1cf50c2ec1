"""A peer that is frozen, not gone: its kernel still acknowledges, and only an unanswered ping shows it."""

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

from tests.rpc.conftest import CONFIG
from tests.rpc.scripted_session import ScriptedService
from tests.waiting import until
from translate_svc.client import AsyncClient, AsyncStream, ClientOptions
from translate_svc.errors import OutOfRange, Unavailable
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.types import SessionEvent

pytestmark = pytest.mark.realtime

NOTICED_WITHIN_S = 30.0
"""It takes five seconds, and longer on a busy machine. Without pings it is never noticed."""
ROOT = Path(__file__).resolve().parents[3]
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
import asyncio, sys
from tests.rpc.scripted_session import ScriptedService
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
async def serve():
    async with RpcServer(ScriptedService(), RpcOptions(keepalive_time_ms=int(sys.argv[1]))) as server:
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
        line = await asyncio.wait_for(process.stdout.readline(), 60)
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
        await asyncio.wait_for(service.sessions[0].cancelled.wait(), 60)
        await until(lambda: server.live_streams == 0)
        return time.monotonic() - frozen_s


async def frozen_server(keepalive_s: float, silent_s: float) -> float:
    """Seconds until the client has noticed that its server is frozen, after ``silent_s`` without a word."""
    keepalive_ms = round(keepalive_s * 1000)
    options = ClientOptions(
        keepalive_time_ms=keepalive_ms,
        keepalive_timeout_ms=max(1_000, keepalive_ms - 1_000),
        ping_timeout_ms=max(1_000, keepalive_ms - 1_000),
    )
    async with (
        child(FROZEN_SERVER, str(keepalive_ms)) as (process, target),
        AsyncClient(target, options) as client,
        client.stream(targets=["spa"], sample_rate_hz=16_000) as stream,
    ):
        reading = asyncio.create_task(read_all(stream))
        await asyncio.sleep(silent_s)
        assert not reading.done(), "a silent peer that lives is left alone"
        os.kill(process.pid, signal.SIGSTOP)
        frozen_s = time.monotonic()
        with pytest.raises(Unavailable):
            await asyncio.wait_for(reading, 60)
        return time.monotonic() - frozen_s


async def read_all(stream: AsyncStream) -> list[SessionEvent]:
    return [event async for event in stream]


async def test_a_frozen_peer_is_noticed_by_either_side() -> None:
    """Also after a long silence: by default gRPC's client stops to ping when it has no data to send."""
    client_s, server_s, after_silence_s = await asyncio.gather(
        frozen_client(), frozen_server(3.0, 0.0), frozen_server(1.0, 4.5)
    )
    assert client_s < NOTICED_WITHIN_S
    assert server_s < NOTICED_WITHIN_S
    assert after_silence_s < NOTICED_WITHIN_S


@pytest.mark.parametrize("field", ["keepalive_time_ms", "keepalive_timeout_ms", "ping_timeout_ms"])
def test_what_grpc_would_round_is_refused(field: str) -> None:
    with pytest.raises(OutOfRange) as refusal:
        RpcOptions(**{field: 999})  # type: ignore[arg-type]
    assert refusal.value.field == field
