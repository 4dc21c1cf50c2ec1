"""A program that sends all, and iterates only then."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tests.rpc.scripted_session import ScriptedService, ScriptedSession
from tests.waiting import until
from translate_svc.client import AsyncClient
from translate_svc.client.aio import event_reader
from translate_svc.errors import TranslateSvcError
from translate_svc.rpc.server import RpcServer
from translate_svc.types import SampleRange, SpeechChunk

pytestmark = pytest.mark.realtime

CHUNKS, CHUNK = 128, bytes(128 * 1024)
"""More than the buffers of a connection hold."""
LONG = np.zeros(8_000_000, dtype=np.float32)


def speak(session: ScriptedSession) -> None:
    """Results, and until they are taken, no more audio is heard."""
    session.gate.clear()
    for index in range(CHUNKS):
        start = index * len(CHUNK) // 2
        session.say(
            SpeechChunk(0, SampleRange(0, 0), "spa", start, CHUNK, False, sample_count=len(CHUNK) // 2)
        )


@pytest.mark.parametrize("resume", [False, True])
async def test_it_gets_all_of_it(server: RpcServer, service: ScriptedService, resume: bool) -> None:
    async with (
        AsyncClient(server.target) as client,
        client.stream(targets=["spa"], sample_rate_hz=16_000, resume=resume) as stream,
    ):
        (session,) = service.sessions
        speak(session)
        sending = asyncio.create_task(stream.send(LONG))
        await until(session.line.empty)
        session.gate.set()
        await sending
        await stream.end()
        events = [event async for event in stream]
    starts = [event.start_sample for event in events if isinstance(event, SpeechChunk)]
    assert starts == [index * len(CHUNK) // 2 for index in range(CHUNKS)]
    assert session.samples == len(LONG)


async def test_beyond_a_bound_it_is_told_to_read(
    server: RpcServer, service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_reader, "MAX_UNREAD_BYTES", 1 << 20)
    monkeypatch.setattr(event_reader, "UNREAD_TIMEOUT_S", 0.1)
    async with (
        AsyncClient(server.target) as client,
        client.stream(targets=["spa"], sample_rate_hz=16_000) as stream,
    ):
        speak(service.sessions[0])
        with pytest.raises(TranslateSvcError, match="iterate while you send"):
            await stream.send(LONG)
        with pytest.raises(TranslateSvcError, match="iterate while you send"):
            _ = [event async for event in stream]
    await until(lambda: server.live_streams == 0)
