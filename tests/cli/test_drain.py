"""SIGTERM as an orchestrator sends it: to the real command, in the middle of what people say."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from tests.cli.process import ROOT, serving
from translate_svc.audio.files import read_audio
from translate_svc.client import AsyncClient, AsyncStream, pace
from translate_svc.errors import Unavailable
from translate_svc.types import (
    Closed,
    GoAway,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
)

pytestmark = pytest.mark.realtime

GRACE_S = 20.0
CLIP = ROOT / "tests" / "data" / "eng_1.flac"


async def collect(stream: AsyncStream, into: list[SessionEvent], begun: asyncio.Event) -> None:
    async for event in stream:
        into.append(event)
        if isinstance(event, SpeechStarted):
            begun.set()


def text(events: list[SessionEvent]) -> str:
    return "".join(event.delta for event in events if isinstance(event, TextDelta))


async def test_who_speaks_when_the_signal_comes_gets_the_whole_translation() -> None:
    """Two streams and one text: one stream ends after go_away, the other one never does."""
    samples, rate_hz = read_audio(Path(CLIP))
    polite: list[SessionEvent] = []
    deaf: list[SessionEvent] = []
    begun = asyncio.Event()
    async with (
        serving("--drain-grace-s", str(GRACE_S)) as (process, address),
        AsyncClient(address) as client,
        client.stream(targets=["es"], source="en", sample_rate_hz=rate_hz) as ends,
        client.stream(targets=["es"], source="en", sample_rate_hz=rate_hz) as stays,
    ):
        ends.feed(pace(samples, rate_hz))
        stays.feed(pace(samples, rate_hz), end=False)
        reading_one = asyncio.create_task(collect(ends, polite, begun))
        reading_other = asyncio.create_task(collect(stays, deaf, begun))
        await asyncio.wait_for(begun.wait(), 60)
        answer = asyncio.create_task(
            client.translate(text="The red train leaves.", source="en", targets=["es"]).result()
        )
        async with asyncio.timeout(60):
            # a call that comes after the signal would be refused
            while (await client.info()).load.admitted < 3:  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        signalled_s = time.monotonic()
        await asyncio.wait_for(reading_one, 60)
        with pytest.raises(Unavailable, match="draining"):
            await asyncio.wait_for(reading_other, 60)
        assert (await answer).text["spa"]
        await asyncio.wait_for(process.wait(), 60)
        assert time.monotonic() - signalled_s < GRACE_S + 10
        assert process.returncode == 0
    assert isinstance(polite[-1], Closed)
    assert text(polite)
    assert text(deaf) == text(polite), "a stream that ignores go_away is translated until its input ends"
    for events in (polite, deaf):
        assert any(isinstance(event, GoAway) for event in events)
        begun_count = sum(isinstance(event, SpeechStarted) for event in events)
        done = [event for event in events if isinstance(event, UtteranceDone)]
        assert len(done) == begun_count == sum(isinstance(event, SpeechEnded) for event in events)
        assert all(event.status is UtteranceStatus.OK for event in done)
        assert [event for event in events if isinstance(event, SpeechChunk)][-1].final
