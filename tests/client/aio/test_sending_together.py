"""What a program sends of one stream beside its feed: barge-in, or the end of what somebody said."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest

from tests.rpc.scripted_session import ScriptedService
from translate_svc.client import AsyncClient
from translate_svc.rpc.server import RpcServer
from translate_svc.types import ClearInput, Closed, Samples

CHUNKS, CLEARS = 200, 50
CHUNK = np.zeros(160, dtype=np.float32)


@pytest.mark.parametrize("resume", [False, True])
async def test_clear_beside_a_feed_costs_neither_the_stream_nor_audio(
    server: RpcServer, service: ScriptedService, resume: bool
) -> None:
    cleared = asyncio.Event()

    async def speech() -> AsyncIterator[Samples]:
        for _ in range(CHUNKS):
            yield CHUNK
        await cleared.wait()

    async with (
        AsyncClient(server.target) as client,
        client.stream(targets=["spa"], sample_rate_hz=16_000, resume=resume) as stream,
    ):
        stream.feed(speech())
        for _ in range(CLEARS):
            await stream.clear()
        cleared.set()
        async with asyncio.timeout(60):
            events = [event async for event in stream]
        assert stream.total_samples == CHUNKS * len(CHUNK)
    assert isinstance(events[-1], Closed)
    (session,) = service.sessions
    assert session.samples == CHUNKS * len(CHUNK)
    assert session.received.count(ClearInput()) == CLEARS
