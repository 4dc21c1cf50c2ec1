"""Streams of float32 samples to the real service."""

from __future__ import annotations

import asyncio

from tests.clips import DATA
from tests.session.harness import collect
from translate_svc.audio.files import read_audio
from translate_svc.session.session import Session
from translate_svc.types import (
    AudioFormat,
    AudioInput,
    ClientMessage,
    Encoding,
    EndInput,
    Samples,
    SessionEvent,
)

F32 = AudioFormat(Encoding.PCM_F32LE, 16_000)


def clip(name: str) -> Samples:
    """A recording of tests/data, by its name without suffix: ``[n]`` at 16 kHz."""
    samples, rate_hz = read_audio(DATA / f"{name}.flac")
    assert rate_hz == F32.sample_rate_hz
    return samples


async def send(session: Session, samples: Samples) -> None:
    """``[n]`` samples, 100 ms a message."""
    for start in range(0, len(samples), 1_600):
        await session.receive(AudioInput(samples[start : start + 1_600].tobytes()))


async def converse(session: Session, samples: Samples, *before_end: ClientMessage) -> list[SessionEvent]:
    """Sends ``samples``, ``before_end`` and the end while reading all events. Then the session is over."""
    reader = asyncio.create_task(collect(session))
    try:
        await send(session, samples)
        for message in before_end:
            await session.receive(message)
        await session.receive(EndInput(len(samples)))
        return await reader
    finally:
        await session.cancel()
