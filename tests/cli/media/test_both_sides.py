"""Two streams of one file: they stay together, and end together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from translate_svc.audio.audio_tracks import AudioChoice
from translate_svc.cli.audio.media_reader import MediaReader
from translate_svc.cli.backends.patience import Patience
from translate_svc.cli.media.file_streams import ConcurrentStreams, stream_file
from translate_svc.cli.media.utterance_counter import UtteranceCounter
from translate_svc.cli.output.channel_sides import BOTH_SIDES, ChannelSide
from translate_svc.cli.output.progress import SampleCounter
from translate_svc.errors import ResourceExhausted, Unavailable
from translate_svc.types import (
    Closed,
    SampleRange,
    Samples,
    SessionEvent,
    StreamSettings,
    TargetSettings,
    TranslateRequest,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

LEFT, RIGHT = BOTH_SIDES
SETTINGS = StreamSettings(targets=(TargetSettings("spa"),))


async def _blocks(count: int) -> AsyncIterator[Samples]:
    for _ in range(count):
        yield np.zeros(10, np.float32)


async def test_no_side_runs_away_from_the_other_until_that_has_ended() -> None:
    abreast = ConcurrentStreams(BOTH_SIDES, 25)
    sent: dict[ChannelSide, int] = {LEFT: 0, RIGHT: 0}

    async def send(side: ChannelSide, count: int, go: asyncio.Semaphore | None) -> None:
        async for block in abreast.kept(_blocks(count), side):
            sent[side] += len(block)
            if go is not None:
                await go.acquire()

    go = asyncio.Semaphore(0)
    slow = asyncio.create_task(send(RIGHT, 4, go))
    fast = asyncio.create_task(send(LEFT, 100, None))
    for expected in ({LEFT: 40, RIGHT: 10}, {LEFT: 50, RIGHT: 20}, {LEFT: 60, RIGHT: 30}):
        for _ in range(50):
            await asyncio.sleep(0)
        assert sent == expected
        go.release()
    go.release()
    await asyncio.wait_for(asyncio.gather(slow, fast), 60)
    assert sent == {LEFT: 1_000, RIGHT: 40}


class _Streams:
    """A translator whose right stream breaks when half of its audio was sent."""

    def __init__(self) -> None:
        self.opened = 0
        self.left = 0

    @asynccontextmanager
    async def stream(self, settings: StreamSettings, sample_rate_hz: int) -> AsyncIterator[Any]:
        self.opened += 1
        try:
            yield _Stream(broken=self.opened == 2)
        finally:
            self.left += 1

    def translate(self, request: TranslateRequest) -> AsyncIterator[SessionEvent]:
        raise NotImplementedError


class _Stream:
    def __init__(self, *, broken: bool) -> None:
        self._broken = broken

    async def update(self, settings: StreamSettings) -> None: ...

    def feed(self, source: AsyncIterator[Samples], *, end: bool = True) -> None:
        self._source = source

    async def __aiter__(self) -> AsyncIterator[Any]:
        samples = 0
        async for block in self._source:
            samples += len(block)
            if self._broken and samples >= 8_000:
                raise Unavailable("gone")
        yield UtteranceDone(0, SampleRange(0, 1), UtteranceStatus.FAILED, Usage())
        if not self._broken:
            await asyncio.Event().wait()
        yield Closed(complete=True)


class _SecondRefused(_Streams):
    """Refuses the second stream once."""

    def __init__(self) -> None:
        super().__init__()
        self.left_at_retry: int | None = None

    @asynccontextmanager
    async def stream(self, settings: StreamSettings, sample_rate_hz: int) -> AsyncIterator[Any]:
        if self.opened == 1 and self.left_at_retry is None:
            self.left_at_retry = -1
            raise ResourceExhausted("full", retry_after_s=0.1)
        if self.left_at_retry == -1:
            self.left_at_retry, self.opened = self.left, 0
        async with super().stream(settings, sample_rate_hz) as stream:
            yield stream


@asynccontextmanager
async def _both_sides(folder: Path) -> AsyncIterator[dict[ChannelSide, MediaReader]]:
    """The readers of a silent call of two seconds."""
    path = folder / "call.wav"
    soundfile.write(path, np.zeros((16_000, 2)), 8_000)
    async with (
        MediaReader(path, AudioChoice(channel=LEFT)) as left,
        MediaReader(path, AudioChoice(channel=RIGHT)) as right,
    ):
        yield {LEFT: left, RIGHT: right}


async def test_a_side_that_finds_no_place_keeps_none_from_others(tmp_path: Path) -> None:
    """Two commands with a side each at a server of two places would wait for each other."""
    translator = _SecondRefused()
    async with _both_sides(tmp_path) as readers:
        counter = SampleCounter(BOTH_SIDES)
        with pytest.raises(Unavailable, match="gone"):
            await asyncio.wait_for(
                stream_file(readers, SETTINGS, translator, [], counter, patience=Patience()), 10
            )
    assert translator.left_at_retry == 1


async def test_a_stream_that_breaks_ends_the_other_one_and_is_the_cause(tmp_path: Path) -> None:
    translator = _Streams()
    async with _both_sides(tmp_path) as readers:
        with pytest.raises(Unavailable, match="gone"):
            await asyncio.wait_for(
                stream_file(readers, SETTINGS, translator, [], SampleCounter(BOTH_SIDES)), 10
            )
    assert (translator.opened, translator.left) == (2, 2)


def test_both_streams_must_have_ended_and_failures_of_both_are_counted() -> None:
    counter = UtteranceCounter(2)
    failed = UtteranceDone(0, SampleRange(0, 1), UtteranceStatus.FAILED, Usage())
    for side in BOTH_SIDES:
        counter.write(failed, side)
        with pytest.raises(Unavailable, match="ended early"):
            counter.finish(1)
        counter.write(Closed(complete=True), side)
    counter.finish(1)
    assert "2 of 2 utterances" in str(counter.problem("call.wav", None))
