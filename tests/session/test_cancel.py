"""A stream may be dropped at any moment, and leaves nothing behind."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.fake_vad import FailingVad
from tests.session.harness import (
    check_contract,
    chunks,
    collect,
    config,
    converse,
    house,
    of,
    speak,
    utterances,
)
from tests.virtual_time import virtual_time
from translate_svc.errors import EngineLost, Unavailable
from translate_svc.session.options import SessionOptions
from translate_svc.session.session import Session
from translate_svc.types import AudioInput, ClearInput, SessionEvent, TargetSettings, UtteranceDone

STREAM = config(TargetSettings("es"), TargetSettings("fr"))


async def _events_until(session: Session, count: int) -> list[SessionEvent]:
    events = []
    async for event in session.events():
        events.append(event)
        if len(events) == count:
            break
    return events


def _whole_stream() -> list[SessionEvent]:
    async def scenario() -> list[SessionEvent]:
        async with house() as home:
            return await converse(home.open(STREAM), chunks(utterances(2)))

    with virtual_time() as runner:
        return runner.run(scenario())


WHOLE = _whole_stream()


async def _send(session: Session, count: int = 2) -> None:
    for message in chunks(utterances(count)):
        await session.receive(message)
    await session.half_close()


@given(
    after_s=st.floats(0, 6),
    credit=st.integers(1, 3),
    in_flight=st.integers(1, 3),
    reads=st.booleans(),
    clear_after_s=st.none() | st.floats(0, 5),
)
@settings(max_examples=40)
def test_cancelled_at_any_time_nothing_is_left(
    after_s: float, credit: int, in_flight: int, reads: bool, clear_after_s: float | None
) -> None:
    """While it waits for the detector, for room, for credit, for the reader; after ``clear`` too."""

    async def scenario() -> None:
        options = SessionOptions(max_utterances_in_flight=in_flight, max_queued_input_ms=1_000)
        async with house(options=options, initial_credit_pieces=credit) as home:
            session = home.open(STREAM)
            tasks = [asyncio.create_task(speak(session, utterances(3), size=3_000))]
            if reads:
                tasks.append(asyncio.create_task(_read(session)))
            if clear_after_s is not None:
                tasks.append(asyncio.create_task(_clear_later(session, clear_after_s)))
            await asyncio.sleep(after_s)
            await session.cancel()
            home.assert_nothing_left()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    with virtual_time(executor_s=0.01) as runner:
        runner.run(scenario())


async def _read(session: Session) -> None:
    await collect(session)


async def _clear_later(session: Session, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await session.receive(ClearInput())


def test_cancel_wakes_a_receive_that_waits() -> None:
    async def scenario() -> None:
        options = SessionOptions(max_utterances_in_flight=1, max_queued_input_ms=500)
        async with house(options=options) as home:
            session = home.open(STREAM)
            sender = asyncio.create_task(_send(session, count=4))
            await asyncio.sleep(60)
            assert not sender.done()
            await session.cancel()
            with pytest.raises(Unavailable):
                await sender

    with virtual_time() as runner:
        runner.run(scenario())


def test_a_cancelled_cancel_has_given_everything_back() -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(STREAM)
            await session.receive(chunks(utterances(1))[0])
            task = asyncio.create_task(session.cancel())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert home.admission.live == 0
            assert home.vad_loop.open_streams == 0

    with virtual_time() as runner:
        runner.run(scenario())


def test_a_lost_engine_ends_the_stream_with_its_reason() -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(STREAM)
            reader = asyncio.create_task(_events_until(session, 10_000))
            home.engine.lose_device()
            messages = chunks(utterances(2))

            async def send() -> None:
                for message in messages:
                    await session.receive(message)
                    await asyncio.sleep(0.1)

            with pytest.raises(EngineLost, match="the engine was lost"):
                await send()
            with pytest.raises(EngineLost, match="the engine was lost"):
                await reader
            assert home.vad_loop.open_streams == 0, "a stream that failed holds nothing but its slot"

    with virtual_time() as runner:
        runner.run(scenario())


def test_a_broken_detector_ends_the_stream_and_no_other() -> None:
    async def scenario() -> None:
        async with house(vad=FailingVad()) as home:
            broken, other = home.open(config(output_rate_hz=8_000)), home.open(config())
            await broken.receive(AudioInput(b"\x00\x80" * 4_096))
            home.vad_loop.release(broken._dependencies.vad_stream)
            reader = asyncio.create_task(collect(broken))
            with pytest.raises(Unavailable):
                await reader
            events = await converse(other, chunks(utterances(1)))
        check_contract(events)

    with virtual_time() as runner:
        runner.run(scenario())


def test_ends_are_counted_once() -> None:
    assert len({done.utterance_id for done in of(WHOLE, UtteranceDone)}) == 2
