"""The client of the package ``wyoming``, used as Home Assistant uses it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np
from wyoming.asr import Transcribe, Transcript
from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.client import AsyncTcpClient
from wyoming.event import Event
from wyoming.info import Describe, Info

from tests.gateway.clients import ROOT
from translate_svc.audio.files import read_audio
from translate_svc.audio.pcm import to_s16
from translate_svc.audio.resampler import resample
from translate_svc.wyoming.server import WyomingServer

RATE_HZ, WIDTH, CHANNELS = 16_000, 2, 1
CHUNK_BYTES = 2_048


def spoken(name: str) -> bytes:
    """A recording of ``tests/data`` as a satellite sends it."""
    samples, rate_hz = read_audio(ROOT / "tests" / "data" / name)
    return to_s16(resample(samples, rate_hz, RATE_HZ)).tobytes()


def tone(duration_s: float = 0.6) -> bytes:
    """A sound that ``EnergyVad`` takes for speech."""
    times = np.arange(round(duration_s * RATE_HZ)) / RATE_HZ
    return (16_000 * np.sin(2 * np.pi * 440 * times)).astype("<i2").tobytes()


@asynccontextmanager
async def connected(server: WyomingServer) -> AsyncIterator[AsyncTcpClient]:
    host, _, port = server.target.rpartition(":")
    async with asyncio.timeout(60), AsyncTcpClient(host, int(port)) as client:
        yield client


async def described(client: AsyncTcpClient) -> Info:
    await client.write_event(Describe().event())
    return Info.from_event(await until(client, "info"))


async def until(client: AsyncTcpClient, kind: str, before: list[Event] | None = None) -> Event:
    """The next event of a type; those before it are put into ``before``."""
    while (event := await client.read_event()) is not None:
        if event.type == kind:
            return event
        assert event.type != "error", event.data
        if before is not None:
            before.append(event)
    raise AssertionError(f"closed before {kind}")


async def closed_with(client: AsyncTcpClient) -> tuple[str, str]:
    """Text and code of the error after which the server closes the connection."""
    while (event := await client.read_event()) is not None and event.type != "error":
        pass
    assert event is not None
    assert await client.read_event() is None
    return event.data["text"], event.data["code"]


async def transcribed(
    client: AsyncTcpClient, data: bytes, request: Transcribe | None, before: list[Event] | None = None
) -> Transcript:
    """What Home Assistant does for speech to text."""
    if request is not None:
        await client.write_event(request.event())
    await client.write_event(AudioStart(RATE_HZ, WIDTH, CHANNELS).event())
    for start in range(0, len(data), CHUNK_BYTES):
        chunk = AudioChunk(RATE_HZ, WIDTH, CHANNELS, data[start : start + CHUNK_BYTES])
        await client.write_event(chunk.event())
    await client.write_event(AudioStop().event())
    return Transcript.from_event(await until(client, "transcript", before))
