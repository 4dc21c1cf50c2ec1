"""Callers who have nothing to do with a fault, and what they hear."""

from __future__ import annotations

import asyncio
import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from translate_svc.audio.files import read_audio
from translate_svc.client import AsyncClient, AsyncStream, pace
from translate_svc.types import (
    Closed,
    GoAway,
    Samples,
    SpeechChunk,
    StreamWarning,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
)

_DATA = Path(__file__).parents[1] / "data"


@dataclass(slots=True)
class BystanderOutput:
    """All results of one stream: text, speech as s16, and how its utterances ended."""

    text: str
    speech: bytes
    statuses: list[UtteranceStatus]
    warnings: list[str]
    complete: bool

    def assert_same(self, other: BystanderOutput) -> None:
        """Nobody can tell the two apart. The last bit of speech depends on the batch it was computed in."""
        mine, others = (
            (each.text, each.statuses, each.warnings, each.complete, len(each.speech))
            for each in (self, other)
        )
        assert mine == others
        difference = np.frombuffer(self.speech, "<i2").astype(int) - np.frombuffer(other.speech, "<i2")
        assert np.abs(difference).max() <= 2


@functools.cache
def clip(utterances: int = 3) -> tuple[Samples, int]:
    """So many sentences with a pause of a second after each, and their rate."""
    pieces: list[Samples] = []
    for number in range(utterances):
        samples, rate_hz = read_audio(_DATA / f"eng_{number + 1}.flac")
        pieces += [samples, np.zeros(rate_hz, np.float32)]
    return np.concatenate(pieces), rate_hz


async def listen(stream: AsyncStream) -> BystanderOutput:
    """Reads a stream to its end."""
    heard = BystanderOutput("", b"", [], [], complete=False)
    async for event in stream:
        match event:
            case TextDelta():
                heard.text += event.delta
            case SpeechChunk():
                heard.speech += event.data
            case UtteranceDone():
                heard.statuses.append(event.status)
            case StreamWarning():
                heard.warnings.append(event.code)
            case Closed():
                heard.complete = event.complete
            case GoAway():
                heard.warnings.append("go_away")
    return heard


async def speak(address: str, utterances: int = 3, *, in_real_time: bool = False) -> BystanderOutput:
    """One stream of ``clip``, as fast as it is taken or in real time."""
    samples, rate_hz = clip(utterances)
    async with (
        AsyncClient(address) as client,
        client.stream(targets=["es"], source="en", sample_rate_hz=rate_hz) as stream,
    ):
        reading = asyncio.create_task(listen(stream))
        if in_real_time:
            async for chunk in pace(samples, rate_hz):
                await stream.send(chunk)
        else:
            await stream.send(samples)
        await stream.end()
        return await reading
