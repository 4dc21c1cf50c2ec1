"""Both clients continue a stream at another server. Servers are real; their engines follow a script."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from benchmarks.resume.live_call import Received
from tests.fakes.model_free_service import ModelFreeService, model_free_service
from translate_svc.access.resume_tokens import ResumeTokens, new_resume_key
from translate_svc.client import AsyncClient, Client, ClientOptions
from translate_svc.client.aio import resuming_connection as aio
from translate_svc.errors import InvalidArgument, ResourceExhausted, TranslateSvcError, Unavailable
from translate_svc.resumption import Resumption
from translate_svc.rpc.server import RpcServer
from translate_svc.session.admission import AdmissionOptions
from translate_svc.session.session import Session
from translate_svc.types import (
    AudioFormat,
    Caller,
    Cleared,
    Encoding,
    ModelInfo,
    Samples,
    SpeechStarted,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
)

RATE_HZ = 16_000
PCM = AudioFormat(Encoding.PCM_S16LE, RATE_HZ)
CONFIG = StreamConfig(PCM, PCM, StreamSettings((TargetSettings("spa"),)))
CHUNK_S = 0.08
SPEED = 16.0


@dataclass
class Pair:
    """Two servers with their services and engines."""

    servers: list[RpcServer]
    services: list[ModelFreeService]

    @property
    def addresses(self) -> list[str]:
        return [server.target for server in self.servers]


MakePair = Callable[..., Awaitable[Pair]]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[MakePair]:
    """Makes the servers; ``shared``: they have the same key."""
    keys = tmp_path / "keys"
    keys.write_text(new_resume_key() + "\n")
    async with AsyncExitStack() as stack:

        async def make(*, shared: bool = True, max_streams: int = 100) -> Pair:
            services = [
                await stack.enter_async_context(
                    model_free_service(
                        admission=AdmissionOptions(max_streams=max_streams),
                        resumption=Resumption(ResumeTokens(keys if shared else None, 60), ModelInfo("none")),
                    )
                )
                for _ in range(2)
            ]
            servers = [await stack.enter_async_context(RpcServer(service)) for service in services]
            return Pair(servers, services)

        yield make


def spoken(utterances: int = 3) -> Samples:
    part = np.concatenate([np.full(RATE_HZ, 0.5, np.float32), np.zeros(RATE_HZ, np.float32)])
    return np.tile(part, utterances)


class Talk:
    """What a program says. At ``hold_s`` it falls silent until it is released.

    A test that waits for an event and then stops a server races the call, which may have ended meanwhile; a
    call that is held has not.
    """

    def __init__(self, samples: Samples, hold_s: float | None = None, rate_hz: int = RATE_HZ) -> None:
        self._samples, self._rate_hz = samples, rate_hz
        self._held, self._released = threading.Event(), threading.Event()
        self._hold_samples = len(samples) if hold_s is None else round(hold_s * rate_hz)
        if hold_s is None:
            self._released.set()

    def release(self) -> None:
        self._released.set()

    async def until_held(self) -> None:
        assert await asyncio.to_thread(self._held.wait, 60)

    def chunks(self) -> Iterator[Samples]:
        size = round(CHUNK_S * self._rate_hz)
        for start in range(0, len(self._samples), size):
            if start >= self._hold_samples:
                self._held.set()
                assert self._released.wait(60)
            time.sleep(CHUNK_S / SPEED)
            yield self._samples[start : start + size]

    async def chunks_async(self) -> AsyncIterator[Samples]:
        chunks = self.chunks()
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            yield chunk


async def _async_call(
    addresses: list[str], talk: Talk, got: Received, options: ClientOptions
) -> tuple[float, ...]:
    async with AsyncClient(addresses, options) as client, client.open(CONFIG, resume=True) as stream:
        stream.feed(talk.chunks_async())
        async for event in stream:
            got.take(event)
        got.check()
        return stream.resumptions


async def _blocking_call(
    addresses: list[str], talk: Talk, got: Received, options: ClientOptions
) -> tuple[float, ...]:
    def run() -> tuple[float, ...]:
        with Client(addresses, options) as client, client.open(CONFIG, resume=True) as stream:
            stream.feed(talk.chunks())
            for event in stream:
                got.take(event)
            got.check()
            return stream.resumptions

    return await asyncio.to_thread(run)


Call = Callable[[list[str], Talk, Received, ClientOptions], Awaitable[tuple[float, ...]]]
both = pytest.mark.parametrize("call", [_async_call, _blocking_call])


_UNDISTURBED: list[Received] = []


async def _undisturbed(two: Pair) -> Received:
    """What comes of ``spoken()`` if nothing happens; the same in every test."""
    if not _UNDISTURBED:
        wanted = Received()
        await _async_call(two.addresses[1:], Talk(spoken()), wanted, ClientOptions())
        assert len(wanted.texts) == 3
        _UNDISTURBED.append(wanted)
    return _UNDISTURBED[0]


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.005)


async def _heard(got: Received, texts: int) -> None:
    await _until(lambda: len(got.texts) >= texts)


@both
async def test_a_lost_server_costs_nothing(pair: MakePair, call: Call) -> None:
    two = await pair()
    wanted, got, talk = await _undisturbed(two), Received(), Talk(spoken(), hold_s=2.5)
    running = asyncio.ensure_future(call(two.addresses, talk, got, ClientOptions()))
    await _heard(got, 1)
    await talk.until_held()
    await two.servers[0].stop(0)
    talk.release()
    (gap_s,) = await running
    # 0: the server's `go_away` came first, and the stream moved before its call was lost
    assert 0 <= gap_s < ClientOptions().resume_timeout_s
    assert not got.faults
    assert got.content == wanted.content


@pytest.mark.parametrize(
    "spoken_as", [AudioFormat(Encoding.OPUS, 48_000), AudioFormat(Encoding.G722, RATE_HZ)]
)
async def test_decoders_that_remember_get_a_run_up(pair: MakePair, spoken_as: AudioFormat) -> None:
    """The commit point lies within a packet, and the decoder of the next server starts anew."""
    two = await pair()
    rate_hz = spoken_as.sample_rate_hz
    time_s = np.arange(rate_hz) / rate_hz
    loud = (0.5 * np.sin(2 * np.pi * 440 * time_s)).astype(np.float32)
    samples = np.tile(np.concatenate([loud, np.zeros(rate_hz, np.float32)]), 3)
    stream = StreamConfig(spoken_as, spoken_as, CONFIG.settings)
    results = []
    for loses in (False, True):
        got, talk = Received(), Talk(samples, 2.5 if loses else None, rate_hz)

        async def speak(got: Received = got, talk: Talk = talk) -> tuple[float, ...]:
            async with AsyncClient(two.addresses) as client, client.open(stream, resume=True) as opened:
                opened.feed(talk.chunks_async())
                async for event in opened:
                    got.take(event)
                got.check()
                return opened.resumptions

        running = asyncio.ensure_future(speak())
        if loses:
            await _heard(got, 1)
            await talk.until_held()
            await two.servers[0].stop(0)
            talk.release()
        assert len(await running) == loses
        assert not got.faults
        results.append(got)
    wanted, got = results
    assert got.sources == wanted.sources
    assert got.texts == wanted.texts
    assert got.samples == wanted.samples


@both
async def test_a_server_that_drains_is_left_before_it_stops_hearing(pair: MakePair, call: Call) -> None:
    two = await pair()
    wanted, got, talk = await _undisturbed(two), Received(), Talk(spoken(), hold_s=2.5)
    running = asyncio.ensure_future(call(two.addresses, talk, got, ClientOptions()))
    await _heard(got, 1)
    await talk.until_held()
    began_s = time.monotonic()
    stopping = asyncio.create_task(two.servers[0].stop(150))
    await asyncio.sleep(0)
    talk.release()
    await stopping
    assert time.monotonic() - began_s < 0.4 * 150, "the client moved, at the latest within 0.4 of the grace"
    assert await running == (0.0,), "the old server served until the new one did"
    assert not got.faults
    assert got.content == wanted.content


@both
async def test_a_server_that_stopped_hearing_cuts_no_sentence_in_two(
    pair: MakePair, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client moves too late here: half a sentence would be translated, and then the whole."""
    monkeypatch.setattr(aio, "MOVE_WITHIN", 2.0)
    two = await pair()
    long = np.concatenate([spoken(1), np.full(10 * RATE_HZ, 0.5, np.float32), spoken(1)])
    wanted, got, talk = Received(), Received(), Talk(long, hold_s=6.0)
    await _async_call(two.addresses[1:], Talk(long), wanted, ClientOptions())
    running = asyncio.ensure_future(call(two.addresses, talk, got, ClientOptions()))
    await _until(lambda: bool(got.counts["SpeechStarted", 1] and got.counts["UtteranceDone", 0]))
    await talk.until_held()
    await asyncio.sleep(0.2)  # all that came before is committed: nothing moves the stream but time
    await two.servers[0].stop(1.0)
    talk.release()
    assert len(await running) == 1
    assert not got.faults
    assert "resumed_text_differs" not in got.warnings
    assert got.content == wanted.content


@both
@pytest.mark.parametrize(
    ("servers", "error"),
    [pytest.param(1, Unavailable, id="alone"), pytest.param(2, InvalidArgument, id="other-keys")],
)
async def test_a_server_that_drains_is_heard_to_its_end_where_no_other_takes_the_stream(
    pair: MakePair, call: Call, servers: int, error: type[TranslateSvcError]
) -> None:
    """It stops hearing in the middle of an utterance, and delivers what it had heard of that."""
    two = await pair(shared=False)
    long = np.concatenate([spoken(1), np.full(10 * RATE_HZ, 0.5, np.float32)])
    got, talk = Received(), Talk(long, hold_s=6.0)
    options = ClientOptions(resume_timeout_s=0.5)
    running = asyncio.ensure_future(call(two.addresses[:servers], talk, got, options))
    await _until(lambda: bool(got.counts["SpeechStarted", 1] and got.counts["UtteranceDone", 0]))
    await talk.until_held()
    await two.servers[0].stop(4.0)
    talk.release()
    with pytest.raises(error):
        await running
    assert got.counts["SpeechEnded", 1] == got.counts["UtteranceDone", 1] == 1
    assert len(got.texts) == 2


@both
async def test_a_full_server_is_not_the_last_one_asked(pair: MakePair, call: Call) -> None:
    two = await pair(max_streams=1)
    other = await two.services[0].open_session(CONFIG, Caller("other"))
    got = Received()
    assert await call(two.addresses, Talk(spoken(1)), got, ClientOptions()) == ()
    assert not got.faults
    with pytest.raises(ResourceExhausted):
        await call(two.addresses[:1], Talk(spoken(1)), Received(), ClientOptions())
    await other.cancel()


@both
async def test_a_full_server_is_asked_again_until_it_has_room(pair: MakePair, call: Call) -> None:
    two = await pair(max_streams=1)
    other = await two.services[1].open_session(CONFIG, Caller("other"))
    got, talk = Received(), Talk(spoken(), hold_s=2.5)
    running = asyncio.ensure_future(call(two.addresses, talk, got, ClientOptions()))
    await _heard(got, 1)
    await talk.until_held()
    await two.servers[0].stop(0)
    talk.release()
    await asyncio.sleep(0.7)
    assert not running.done()
    await other.cancel()
    (gap_s,) = await running
    assert gap_s > 0.6
    assert not got.faults


@both
async def test_a_refused_token_ends_the_stream_and_names_its_field(pair: MakePair, call: Call) -> None:
    two = await pair(shared=False)
    got, talk = Received(), Talk(spoken(), hold_s=2.5)
    running = asyncio.ensure_future(call(two.addresses, talk, got, ClientOptions()))
    await _heard(got, 1)
    await talk.until_held()
    await two.servers[0].stop(0)
    talk.release()
    with pytest.raises(InvalidArgument) as refused:
        await running
    assert refused.value.field == "config.resume_token"


@both
async def test_a_server_with_other_keys_does_not_end_a_stream_that_its_own_takes(
    pair: MakePair, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The call breaks and the server lives, as where a proxy closes a connection."""
    two = await pair(shared=False)
    wanted, got, talk = await _undisturbed(two), Received(), Talk(spoken(), hold_s=2.5)
    original, sessions = two.services[0].open_session, list[Session]()

    async def open_session(config: StreamConfig, caller: Caller) -> Session:
        sessions.append(await original(config, caller))
        return sessions[-1]

    monkeypatch.setattr(two.services[0], "open_session", open_session)
    running = asyncio.ensure_future(call(two.addresses, talk, got, ClientOptions()))
    await _heard(got, 1)
    await talk.until_held()
    sessions[0].fail(Unavailable("the connection broke"))
    talk.release()
    assert len(await running) == 1
    assert not got.faults
    assert got.content == wanted.content


@both
async def test_where_nobody_answers_the_stream_ends_after_its_time(pair: MakePair, call: Call) -> None:
    two = await pair()
    got, talk = Received(), Talk(spoken(), hold_s=2.5)
    options = ClientOptions(resume_timeout_s=0.8)
    running = asyncio.ensure_future(call(two.addresses[:1], talk, got, options))
    await _heard(got, 1)
    await talk.until_held()
    began_s = time.monotonic()
    await two.servers[0].stop(0)
    talk.release()
    with pytest.raises(Unavailable):
        await running
    assert time.monotonic() - began_s < ClientOptions().resume_timeout_s / 2


@both
async def test_a_search_that_takes_long_is_told_once(pair: MakePair, call: Call) -> None:
    """Nothing else comes while no server is found: a person would take the program for stuck."""
    two = await pair()
    got, talk = Received(), Talk(spoken(), hold_s=2.5)
    options = ClientOptions(resume_timeout_s=8)
    running = asyncio.ensure_future(call(two.addresses[:1], talk, got, options))
    await _heard(got, 1)
    await talk.until_held()
    await two.servers[0].stop(0)
    talk.release()
    with pytest.raises(Unavailable):
        await running
    assert got.warnings == ["server_lost"]


@both
async def test_what_does_not_fit_into_the_buffer_cannot_be_sent_again(pair: MakePair, call: Call) -> None:
    two = await pair()
    got, talk = Received(), Talk(spoken(), hold_s=0.8)
    options = ClientOptions(max_replay_bytes=8_000)
    running = asyncio.ensure_future(call(two.addresses, talk, got, options))
    await _until(lambda: any(name == "SpeechStarted" for name, _ in got.counts))
    await talk.until_held()
    await two.servers[0].stop(0)
    talk.release()
    with pytest.raises(Unavailable, match="max_replay_bytes"):
        await running


@both
@pytest.mark.parametrize(
    ("reason", "calls", "said"),
    [
        (Unavailable("struck"), 9, "too often"),  # its first call, and eight more
        (RuntimeError("struck"), 3, "failed 3 times at the same place, at last with INTERNAL: .*incident"),
    ],
)
async def test_a_stream_that_ends_its_servers_is_given_up(
    pair: MakePair, call: Call, monkeypatch: pytest.MonkeyPatch, reason: Exception, calls: int, said: str
) -> None:
    """A server that takes it dies of it, or fails: it does not go through the whole fleet again and again."""
    two = await pair()
    opened: list[str] = []

    def open_and_fail(service: ModelFreeService) -> None:
        original = service.open_session

        async def open_session(config: StreamConfig, caller: Caller) -> Session:
            session = await original(config, caller)
            opened.append(session.session_id)
            asyncio.get_running_loop().call_later(0.1, session.fail, reason)
            return session

        monkeypatch.setattr(service, "open_session", open_session)

    for service in two.services:
        open_and_fail(service)
    with pytest.raises(TranslateSvcError, match=said):
        await call(two.addresses, Talk(spoken()), Received(), ClientOptions())
    assert len(opened) == calls


async def test_a_clear_while_the_stream_is_resumed_clears_what_the_program_has_seen(pair: MakePair) -> None:
    two = await pair()
    samples = spoken(1)
    events = []
    async with AsyncClient(two.addresses) as client, client.open(CONFIG, resume=True) as stream:

        async def until(kind: type) -> None:
            while True:
                events.append(await anext(stream))
                if isinstance(events[-1], kind):
                    return

        await stream.send(samples[: RATE_HZ // 2])
        await until(SpeechStarted)
        await two.servers[0].stop(0)
        await stream.clear()
        await stream.send(samples)
        await stream.end()
        events += [event async for event in stream]
    kinds = [type(event) for event in events]
    assert kinds.count(SpeechStarted) == 2
    assert [event for event in events if isinstance(event, Cleared)] == [Cleared(RATE_HZ // 2)]
    dones = [event for event in events if isinstance(event, UtteranceDone)]
    assert [(done.utterance_id, done.status) for done in dones] == [
        (0, UtteranceStatus.CLEARED),
        (1, UtteranceStatus.OK),
    ]
    assert {event.utterance_id for event in events if isinstance(event, TextDelta)} == {1}


@both
async def test_without_a_loss_nothing_is_sent_twice(pair: MakePair, call: Call) -> None:
    two = await pair()
    wanted, got = await _undisturbed(two), Received()
    assert await call(two.addresses, Talk(spoken()), got, ClientOptions()) == ()
    assert got.content == wanted.content
    await _until(lambda: not any(two.services[0].held.values()))
    assert not [thread for thread in threading.enumerate() if "_find_server" in thread.name]


async def test_who_cancels_while_a_server_is_looked_for_ends_the_iteration(pair: MakePair) -> None:
    alone = await pair()
    async with AsyncClient(alone.addresses[:1]) as client, client.open(CONFIG, resume=True) as stream:
        await anext(stream)
        reading = asyncio.create_task(anext(stream))
        await alone.servers[0].stop(0)
        await asyncio.sleep(0.5)  # within the minute that it looks for
        stream.cancel()
        with pytest.raises(TranslateSvcError):
            await reading
