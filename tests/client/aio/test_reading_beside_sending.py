"""A program that reads now and then while it sends."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from tests.fakes.model_free_service import model_free_service
from translate_svc.client import AsyncClient
from translate_svc.client.aio import event_reader
from translate_svc.client.aio.stream import AsyncStream
from translate_svc.client.aio.stream_call import StreamCall
from translate_svc.errors import TranslateSvcError
from translate_svc.rpc.server import RpcServer
from translate_svc.types import (
    AudioFormat,
    ClientMessage,
    Closed,
    Encoding,
    EndInput,
    Opened,
    SampleRange,
    SessionEvent,
    SpeechChunk,
    StreamConfig,
    StreamSettings,
    TargetSettings,
)

PCM = AudioFormat(Encoding.PCM_S16LE, 16_000)
CONFIG = StreamConfig(PCM, PCM, StreamSettings((TargetSettings("spa"),)))
AUDIO = np.zeros(160, dtype=np.float32)
CHUNK = bytes(128 * 1024)
CHUNKS = 32


def speech(index: int) -> SpeechChunk:
    return SpeechChunk(index, SampleRange(0, 0), "spa", 0, CHUNK, False, sample_count=len(CHUNK) // 2)


class FullConnection:
    """Takes a message when ``wanted`` of its events were read.

    Attributes:
        on_read: called at the moment at which an event is read.
    """

    def __init__(self, wanted: int) -> None:
        self.on_read: Callable[[], object] = lambda: None
        self._wanted = wanted
        self._events: deque[SessionEvent] = deque()
        self._changed = asyncio.Condition()
        self._reads = 0
        self.done = False

    @property
    def resumptions(self) -> tuple[float, ...]:
        return ()

    async def open(self) -> Opened:
        return Opened("full", CONFIG)

    async def say(self, indices: Iterable[int]) -> None:
        self._events += [speech(index) for index in indices]
        await self._notify()

    async def write(self, message: ClientMessage) -> None:
        await self._until(lambda: self._reads >= self._wanted)

    async def next_event(self) -> SessionEvent | None:
        await self._until(lambda: bool(self._events))
        self._reads += 1
        await self._notify()
        self.on_read()
        return self._events.popleft()

    def cancel(self) -> None:
        self.done = True

    async def release(self) -> None:
        self.cancel()

    async def _until(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self.done or condition())
        if self.done:
            raise TranslateSvcError("the stream was cancelled")

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


async def numbers(stream: AsyncStream, count: int, pause_s: float = 0.0) -> list[int]:
    taken = []
    for _ in range(count):
        event = await anext(stream)
        assert isinstance(event, SpeechChunk)
        taken.append(event.utterance_id)
        await asyncio.sleep(pause_s)
    return taken


async def test_an_event_that_comes_as_the_iteration_is_cancelled_is_kept() -> None:
    connection = FullConnection(0)
    async with AsyncStream(connection, CONFIG, 32_000) as stream, asyncio.timeout(30):
        await anext(stream)
        reading = asyncio.ensure_future(anext(stream))
        connection.on_read = reading.cancel
        await connection.say([0])
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert await numbers(stream, 1) == [0]


async def test_send_goes_on_after_the_iteration_stops() -> None:
    connection = FullConnection(CHUNKS)
    async with AsyncStream(connection, CONFIG, 32_000) as stream, asyncio.timeout(30):
        await anext(stream)
        sending = asyncio.create_task(stream.send(AUDIO))
        first = asyncio.create_task(numbers(stream, 1))
        await asyncio.sleep(0.2)  # send waits, and the iteration, too
        await connection.say(range(CHUNKS))
        await sending
        assert await first == [0]
        assert await numbers(stream, CHUNKS - 1) == list(range(1, CHUNKS))


async def test_who_iterates_slowly_beside_a_feed_gets_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_reader, "MAX_UNREAD_BYTES", 1 << 20)
    connection = FullConnection(CHUNKS)
    async with AsyncStream(connection, CONFIG, 32_000) as stream, asyncio.timeout(30):
        await anext(stream)
        await connection.say(range(CHUNKS))
        stream.feed([AUDIO], end=False)
        assert await numbers(stream, CHUNKS, pause_s=0.02) == list(range(CHUNKS))


async def test_the_end_is_told_sooner_than_it_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer may come before gRPC has said that the call takes no more."""
    write = StreamCall.write

    async def noted_late(call: StreamCall, message: ClientMessage) -> None:
        await write(call, message)
        if isinstance(message, EndInput):
            await closed.wait()

    monkeypatch.setattr(StreamCall, "write", noted_late)
    closed = asyncio.Event()
    async with (
        model_free_service() as service,
        RpcServer(service) as server,
        AsyncClient(server.target) as client,
        client.stream(targets=["spa"], sample_rate_hz=16_000, resume=True) as stream,
    ):
        ending = asyncio.create_task(stream.end())
        events = [event async for event in stream]
        await ending
        closed.set()
    assert isinstance(events[-1], Closed)
