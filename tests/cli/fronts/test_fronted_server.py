"""Real front processes before a scripted engine: who is served where, and what happens when one fails."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import numpy as np
import pytest
import pytest_asyncio

from tests.fakes.fronted_service import Fronted, fronted_service
from tests.fakes.third_transport import THIRD
from tests.waiting import until
from translate_svc.cli import transports
from translate_svc.cli.server_group import drain_servers
from translate_svc.client import AsyncClient, AsyncStream, pace
from translate_svc.config import Settings
from translate_svc.errors import InvalidArgument, ResourceExhausted, TranslateSvcError, Unavailable
from translate_svc.remote_engine.options import ConnectionOptions
from translate_svc.serving.live_calls import DRAINING
from translate_svc.types import (
    AudioFormat,
    Closed,
    Encoding,
    GoAway,
    Opened,
    SessionEvent,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TextDelta,
    UtteranceDone,
)

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120)]

RATE_HZ = 16_000
MAX_STREAMS = 12
SETTINGS = Settings(max_streams=MAX_STREAMS, front_processes=2)
QUICK = ConnectionOptions(report_interval_s=0.1, silence_timeout_s=6.0, overview_interval_s=0.02)


def speech(seconds: float) -> np.ndarray:
    """Loud, then a pause that ends the utterance."""
    return np.concatenate([np.full(round(seconds * RATE_HZ), 0.3, np.float32), np.zeros(RATE_HZ, np.float32)])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def fronted() -> AsyncIterator[Fronted]:
    async with fronted_service(SETTINGS, options=QUICK) as running:
        yield running


def each_serves(fronted: Fronted) -> list[int]:
    """Streams and calls at each front process."""
    return [process.live_streams for process in fronted.server.info().front_processes]


def scraped(fronted: Fronted, name: str, *labels: str) -> float:
    """A value at the admin port."""
    return sum(
        sample.value
        for family in fronted.metrics.registry.collect()
        for sample in family.samples
        if (sample.name, *sample.labels.values()) == (f"translate_svc_{name}", *labels)
    )


@asynccontextmanager
async def at_rest(fronted: Fronted) -> AsyncIterator[None]:
    """Before and after: all front processes are ready, and nobody is served."""

    def rests() -> bool:
        processes = fronted.server.info().front_processes
        return all(each.ready for each in processes) and not any(each_serves(fronted))

    async def rest() -> None:
        try:
            await until(rests)
        except TimeoutError:
            raise AssertionError(f"not at rest: {fronted.server.info().front_processes}") from None

    await rest()
    yield
    await rest()
    assert not fronted.engine.live_request_ids


async def open_stream(stack: AsyncExitStack, address: str, **options: object) -> AsyncStream:
    """A stream on a connection of its own, opened."""
    client = await stack.enter_async_context(AsyncClient(address))
    stream = client.stream(targets=["es"], source="en", sample_rate_hz=RATE_HZ, **options)  # type: ignore[arg-type]
    return await stack.enter_async_context(stream)


async def open_on_both(fronted: Fronted, stack: AsyncExitStack) -> list[AsyncStream]:
    """Streams, at least one at each front process."""
    streams = []
    for _ in range(MAX_STREAMS):
        try:
            streams.append(await open_stream(stack, fronted.address))
        except ResourceExhausted:
            await asyncio.sleep(0.1)
        await until(lambda: sum(each_serves(fronted)) == len(streams))
        if all(each_serves(fronted)):
            return streams
    raise AssertionError(f"all connections went to one of them: {each_serves(fronted)}")


async def drain_events(stream: AsyncStream, into: list[SessionEvent]) -> TranslateSvcError | None:
    """Reads to the end; returns the error that ended it."""
    try:
        async for event in stream:
            into.append(event)  # noqa: PERF401 - read while it grows
    except TranslateSvcError as error:
        return error
    return None


async def test_streams_at_all_of_them_are_translated_and_counted_together(fronted: Fronted) -> None:
    async with at_rest(fronted), AsyncExitStack() as stack:
        before = fronted.server.info().load
        streams = await open_on_both(fronted, stack)
        texts = []
        for stream in streams:
            await stream.send(speech(1.0))
            await stream.end()
            events: list[SessionEvent] = []
            assert await drain_events(stream, events) is None
            assert isinstance(events[-1], Closed)
            texts.append("".join(event.delta for event in events if isinstance(event, TextDelta)))
        assert len(set(texts)) == 1
        assert texts[0].startswith("spa ")
        client = await stack.enter_async_context(AsyncClient(fronted.address))
        await until(lambda: fronted.server.info().load.admitted == before.admitted + len(streams))
        async with asyncio.timeout(60):
            # it is told the others' counts, and there is no event for it
            while (info := await client.info()).load.admitted != before.admitted + len(streams):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert [process.index for process in info.front_processes] == [0, 1]
        utterances, first_texts = ("utterances_total", "ok"), ("end_to_first_text_seconds_count",)
        await until(lambda: scraped(fronted, *utterances) >= len(streams))
        assert scraped(fronted, *first_texts) >= len(streams)
        assert scraped(fronted, "front_ready", "1") == 1


async def test_no_more_streams_are_admitted_than_the_whole_may_serve(fronted: Fronted) -> None:
    """All come together, and come again until there is no place; then one that leaves makes room for one."""
    async with at_rest(fronted), AsyncExitStack() as stack:
        refused = 0

        async def come() -> AsyncStream:
            nonlocal refused
            while True:
                try:
                    return await open_stream(stack, fronted.address)
                except ResourceExhausted:
                    refused += 1
                    assert sum(each_serves(fronted)) <= MAX_STREAMS
                    await asyncio.sleep(0.1)

        coming = [asyncio.create_task(come()) for _ in range(MAX_STREAMS + 3)]
        await until(lambda: sum(task.done() for task in coming) >= MAX_STREAMS)
        enough = refused + 9
        await until(lambda: refused >= enough)
        inside = [task for task in coming if task.done()]
        assert len(inside) == MAX_STREAMS
        await until(lambda: sum(each_serves(fronted)) == MAX_STREAMS)
        await inside[0].result().end()
        assert await drain_events(inside[0].result(), []) is None
        await until(lambda: sum(task.done() for task in coming) == MAX_STREAMS + 1)
        for task in coming:
            task.cancel()
        await asyncio.wait(coming)  # what one of them has opened is in the stack


async def test_one_that_hangs_is_noticed_and_takes_its_own_streams_alone(fronted: Fronted) -> None:
    async with at_rest(fronted), AsyncExitStack() as stack:
        before = fronted.server.info()
        streams = await open_on_both(fronted, stack)
        pid, lost_streams = fronted.server.pids[0], each_serves(fronted)[0]
        reading = [asyncio.create_task(drain_events(stream, [])) for stream in streams]
        os.kill(pid, signal.SIGSTOP)
        await until(lambda: sum(task.done() for task in reading) == lost_streams)
        assert all(isinstance(task.result(), Unavailable) for task in reading if task.done())
        await until(lambda: fronted.server.pids.get(0, pid) != pid)
        await until(lambda: fronted.server.info().front_processes[0].ready)
        now = fronted.server.info()
        assert now.front_processes[0].restarts == before.front_processes[0].restarts + 1
        assert now.load.admitted >= before.load.admitted + len(streams), "counts do not go back"
        for stream, task in zip(streams, reading, strict=True):
            if not task.done():
                await stream.end()
                assert await task is None


async def test_a_stream_of_one_that_was_killed_goes_on_at_another(fronted: Fronted) -> None:
    """All have the same key for resume tokens, though nobody gave them one."""
    async with at_rest(fronted), AsyncClient(fronted.address) as client:
        killed = asyncio.Event()

        async def two_utterances() -> AsyncIterator[np.ndarray]:
            async for chunk in pace(speech(0.4), RATE_HZ):
                yield chunk
            await killed.wait()
            async for chunk in pace(speech(0.4), RATE_HZ):
                yield chunk

        events: list[SessionEvent] = []
        async with client.stream(targets=["es"], source="en", sample_rate_hz=RATE_HZ, resume=True) as stream:
            stream.feed(two_utterances())
            reading = asyncio.create_task(drain_events(stream, events))
            await until(lambda: any(isinstance(event, UtteranceDone) for event in events))
            await until(lambda: sum(each_serves(fronted)) == 1)
            (index,) = [number for number, count in enumerate(each_serves(fronted)) if count]
            os.kill(fronted.server.pids[index], signal.SIGKILL)
            killed.set()
            assert await reading is None
        assert [event.utterance_id for event in events if isinstance(event, UtteranceDone)] == [0, 1]


PCM = AudioFormat(Encoding.PCM_S16LE, RATE_HZ)
CONFIG = StreamConfig(PCM, PCM, StreamSettings((TargetSettings("spa"),), source_language="eng"))


async def resumed(stack: AsyncExitStack, address: str, token: bytes = b"") -> tuple[AsyncStream, bytes]:
    """A stream on a connection of its own that continues at ``token``, and its own token."""
    client = await stack.enter_async_context(AsyncClient(address))
    stream = await stack.enter_async_context(client.open(replace(CONFIG, resume_token=token)))
    opened = await anext(aiter(stream))
    assert isinstance(opened, Opened)
    return stream, opened.resume_token


async def where_it_is(fronted: Fronted, admitted: int) -> list[int]:
    """Where the only stream is, once so many admissions are reported, and the end of the older one."""
    await until(lambda: fronted.server.info().load.admitted == admitted)
    await until(lambda: sum(each_serves(fronted)) == 1)
    return each_serves(fronted)


async def refusal(stack: AsyncExitStack, address: str, token: bytes) -> TranslateSvcError | None:
    """Why a stream that was resumed since does not continue at ``token``: immediately, or a moment later."""
    try:
        stream, _ = await resumed(stack, address, token)
    except TranslateSvcError as error:
        return error
    return await asyncio.wait_for(drain_events(stream, []), 60)


async def test_a_stream_that_is_resumed_at_another_one_ends_at_the_first(fronted: Fronted) -> None:
    """Its older call, and then calls with a token from before the last resumption."""
    async with at_rest(fronted), AsyncExitStack() as stack:
        admitted = fronted.server.info().load.admitted + 1
        older, token = await resumed(stack, fronted.address)
        first = await where_it_is(fronted, admitted)
        tokens = [token]
        for _ in range(20):  # until the kernel has sent a connection to the other front process
            newer, token = await resumed(stack, fronted.address, tokens[-1])
            error = await asyncio.wait_for(drain_events(older, []), 60)
            assert isinstance(error, TranslateSvcError)
            assert "another call has resumed" in error.description
            older = newer
            tokens.append(token)
            admitted += 1
            if await where_it_is(fronted, admitted) != first:
                break
        else:
            raise AssertionError("all connections went to one of them")
        newest, _ = await resumed(stack, fronted.address, tokens[-1])
        for _ in range(10):  # at both of them
            error = await refusal(stack, fronted.address, tokens[-2])
            assert isinstance(error, InvalidArgument)
            assert "resumed since" in error.description
        await newest.end()
        assert await drain_events(newest, []) is None


async def begin_drain(
    own: Fronted,
    streams: list[AsyncStream],
    events: list[list[SessionEvent]],
    grace_s: float,
    signals: asyncio.Queue[None],
) -> tuple[list[asyncio.Task[TranslateSvcError | None]], asyncio.Task[None]]:
    """Drains all transports, until each stream has been told. ``events`` gets those of each stream.

    Returns what reads the streams, and the drain.
    """
    reading = [
        asyncio.create_task(drain_events(stream, into)) for stream, into in zip(streams, events, strict=True)
    ]
    stopping = asyncio.create_task(drain_servers(own.server.servers, grace_s, DRAINING, signals))
    await until(lambda: all(any(isinstance(event, GoAway) for event in each) for each in events))
    return reading, stopping


@pytest.mark.parametrize("http", ["", "127.0.0.1:0"], ids=["one transport", "two transports"])
async def test_all_drain_together_and_live_streams_may_finish(http: str) -> None:
    settings = replace(SETTINGS, http=http)
    async with fronted_service(settings, options=QUICK) as own, AsyncExitStack() as stack:
        streams = await open_on_both(own, stack)
        events: list[list[SessionEvent]] = [[] for _ in streams]
        reading, stopping = await begin_drain(own, streams, events, 60.0, asyncio.Queue())
        with pytest.raises(Unavailable):
            await open_stream(stack, own.address)
        for stream in streams:
            await stream.send(speech(0.5))
            await stream.end()
        assert [await task for task in reading] == [None] * len(streams)
        assert all(isinstance(each[-1], Closed) for each in events)
        async with asyncio.timeout(60):
            await stopping
        assert own.server.pids == {}


async def test_a_second_signal_ends_all_at_once() -> None:
    settings = replace(SETTINGS, http="127.0.0.1:0")
    async with fronted_service(settings, options=QUICK) as own, AsyncExitStack() as stack:
        streams = await open_on_both(own, stack)
        events: list[list[SessionEvent]] = [[] for _ in streams]
        signals: asyncio.Queue[None] = asyncio.Queue()
        reading, stopping = await begin_drain(own, streams, events, 3_600.0, signals)
        signals.put_nowait(None)
        async with asyncio.timeout(60):
            assert {type(await task) for task in reading} == {Unavailable}
            await stopping
        assert own.server.pids == {}


async def test_a_lost_engine_ends_all_with_the_true_reason() -> None:
    async with fronted_service(SETTINGS, options=QUICK) as own, AsyncExitStack() as stack:
        streams = await open_on_both(own, stack)
        reading = [asyncio.create_task(drain_events(stream, [])) for stream in streams]
        own.engine.lose_device()
        for task in reading:
            error = await asyncio.wait_for(task, 60)
            assert isinstance(error, Unavailable)
            assert error.description == "the engine was lost"
        assert own.server.not_ready_reason == "the engine was lost"
        await own.server.stop(0)
        assert own.server.pids == {}


async def test_a_transport_of_the_table_is_served_by_front_processes_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever its place in the table: all it needs is its row."""
    monkeypatch.setattr(transports, "TRANSPORTS", (*transports.TRANSPORTS, THIRD))
    settings = replace(SETTINGS, admin_host="127.0.0.1", admin_port=0, http="127.0.0.1:0")
    command = (sys.executable, "-m", "tests.fakes.third_transport")
    async with fronted_service(settings, options=QUICK, command=command) as own:
        assert set(own.server.targets) == {"grpc", "http", "third"}
        assert own.server.targets["http"].startswith("http://127.0.0.1:")
        host, port = own.server.targets["third"].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        model, pid = (await reader.read()).decode().split()
        writer.close()
        assert model == "script"
        assert int(pid) in own.server.pids.values()
        async with AsyncClient(own.address) as client:
            assert (await client.info()).model.name == "script"


_SERVER = """
import asyncio, signal, sys
from dataclasses import replace
from tests.cli.fronts.test_fronted_server import SETTINGS, fronted_service
from tests.fakes.fronted_service import COMMAND
async def main():
    signal.signal(signal.SIGTERM, lambda *_: None)  # as ``serve``, it does not die of it
    settings = replace(SETTINGS, drain_grace_s=1.0)
    async with fronted_service(settings, command=(*COMMAND, sys.argv[1])) as own:
        print(own.address, *own.server.pids.values(), flush=True)
        await asyncio.sleep(3600)
asyncio.run(main())
"""


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@asynccontextmanager
async def engine_process(silence_s: float = 30.0) -> AsyncIterator[tuple[Process, str, list[int]]]:
    """A process with an engine, its address, and the ids of its front processes. They end without it."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _SERVER, str(silence_s)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    address, *pids = (await process.stdout.readline()).decode().split()
    try:
        yield process, address, list(map(int, pids))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()
    await until(lambda: not any(map(_runs, map(int, pids))))


async def test_a_killed_engine_ends_its_front_processes_and_callers_are_told() -> None:
    async with engine_process() as (process, address, _), AsyncExitStack() as stack:
        stream = await open_stream(stack, address)
        process.kill()
        error = await asyncio.wait_for(drain_events(stream, []), 60)
        assert isinstance(error, Unavailable)
        assert error.description == "the engine was lost"


async def test_a_frozen_engine_ends_as_a_killed_one() -> None:
    async with engine_process(silence_s=4.0) as (process, address, _), AsyncExitStack() as stack:
        stream = await open_stream(stack, address)
        process.send_signal(signal.SIGSTOP)
        error = await asyncio.wait_for(drain_events(stream, []), 60)
        assert isinstance(error, Unavailable)
        assert error.description == "the engine was lost"
        assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL


@pytest.mark.slow
async def test_a_frozen_engine_that_is_told_to_leave_is_waited_for_no_longer_than_streams() -> None:
    async with engine_process(silence_s=3600) as (process, _, pids):
        process.send_signal(signal.SIGSTOP)
        for pid in (process.pid, *pids):
            os.kill(pid, signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == -signal.SIGKILL


async def test_an_engine_that_was_frozen_for_a_moment_goes_on() -> None:
    async with engine_process(silence_s=20.0) as (process, address, _), AsyncExitStack() as stack:
        stream = await open_stream(stack, address)
        process.send_signal(signal.SIGSTOP)
        await stream.send(speech(1.0))
        await asyncio.sleep(2.0)
        process.send_signal(signal.SIGCONT)
        await stream.end()
        events: list[SessionEvent] = []
        assert await drain_events(stream, events) is None
        assert isinstance(events[-1], Closed)
