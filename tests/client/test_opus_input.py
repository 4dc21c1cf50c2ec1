"""Samples sent as Opus: a message with a place in the input follows all audio that was given before it."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from tests.rpc.scripted_session import ScriptedService
from translate_svc.client import AsyncClient, Client
from translate_svc.client.input_encoder import InputEncoder
from translate_svc.rpc.server import RpcServer
from translate_svc.types import (
    AudioFormat,
    AudioInput,
    Closed,
    Encoding,
    EndInput,
    FinalizeInput,
    SessionEvent,
    SilenceInput,
)

pytestmark = pytest.mark.realtime

PIECE = np.full(500, 0.1, np.float32)
FORMAT = {"targets": ["spa"], "sample_rate_hz": 48_000, "encoding": "opus"}

EXPECTED = [
    *(AudioInput,) * 2,  # 1000 samples: one packet of 960, and the rest of 40 beside the look-ahead
    FinalizeInput,
    AudioInput,
    SilenceInput,
    AudioInput,
    EndInput,
]
TOTAL_SAMPLES = 4 * 960 + 100


def check(events: list[SessionEvent], service: ScriptedService) -> None:
    assert isinstance(events[-1], Closed)
    assert events[-1].complete
    (session,) = service.sessions
    assert [type(message) for message in session.received] == EXPECTED
    assert session.received[-1] == EndInput(TOTAL_SAMPLES)


async def test_asynchronous(server: RpcServer, service: ScriptedService) -> None:
    async with AsyncClient(server.target) as client, client.stream(**FORMAT) as stream:  # type: ignore[arg-type]
        await stream.send(PIECE)
        await stream.send(PIECE)
        await stream.finalize()
        await stream.send(PIECE)
        await stream.silence(100)
        await stream.send(PIECE)
        await stream.end()
        events = [event async for event in stream]
    check(events, service)


async def test_blocking(server: RpcServer, service: ScriptedService) -> None:
    def translate() -> list[SessionEvent]:
        with Client(server.target) as client, client.stream(**FORMAT) as stream:  # type: ignore[arg-type]
            stream.send(PIECE)
            stream.send(PIECE)
            stream.finalize()
            stream.send(PIECE)
            stream.silence(100)
            stream.send(PIECE)
            stream.end()
            return list(stream)

    check(await asyncio.to_thread(translate), service)


def test_what_is_kept_stays_behind_the_audio_before_it() -> None:
    """``finalize`` may come from another task while ``feed`` is amid a long piece of audio."""
    audio = np.sin(np.arange(5 * 960 + 500, dtype=np.float32) / 20) * np.float32(0.3)
    audio_format = AudioFormat(Encoding.OPUS, 48_000)
    undisturbed, disturbed = InputEncoder(audio_format, 65_536), InputEncoder(audio_format, 65_536)
    expected = [*undisturbed.chunks(audio), *undisturbed.flush()]
    chunks = disturbed.chunks(audio)
    got = [next(chunks), *disturbed.flush(), *chunks, *disturbed.flush()]
    assert got == expected
    assert disturbed.total_samples == undisturbed.total_samples
