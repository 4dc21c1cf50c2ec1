"""An engine that takes its time to say whether it takes a request, as one in another process does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.session.harness import (
    House,
    check_contract,
    chunks,
    collect,
    config,
    converse,
    house,
    of,
    utterances,
)
from tests.virtual_time import virtual_time
from translate_svc.errors import OutOfRange, ResourceExhausted, Unavailable
from translate_svc.types import ClearInput, Closed, StreamWarning, UtteranceDone, UtteranceStatus

VERDICT_S = 0.05
OK, CLEARED = UtteranceStatus.OK, UtteranceStatus.CLEARED


@asynccontextmanager
async def far_house() -> AsyncIterator[House]:
    async with house() as home:
        home.engine.answer_delay_s = VERDICT_S
        yield home


def play(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with virtual_time() as runner:
        runner.run(scenario())


async def until_submitted(home: House, refused: bool = False) -> None:
    """Returns while the first request still waits for its verdict."""
    while not (home.engine.refused if refused else home.engine.submitted):  # noqa: ASYNC110 - it has no event
        await asyncio.sleep(VERDICT_S / 10)


def test_streams_are_translated_as_ever() -> None:
    async def scenario() -> None:
        async with far_house() as home:
            events = await converse(home.open(config()), chunks(utterances(4)))
            check_contract(events)
            assert [done.status for done in of(events, UtteranceDone)] == [OK] * 4

    play(scenario)


def test_nothing_is_heard_while_the_engine_has_not_answered() -> None:
    async def scenario() -> None:
        async with house(lambda request: ScriptedRequest((ScriptedSequence(),), encode_s=100)) as home:
            home.engine.answer_delay_s = 60.0
            session = home.open(config())
            sending = asyncio.create_task(converse(session, chunks(utterances(20))))
            await asyncio.sleep(59)
            assert len(home.engine.submitted) == 1
            assert not sending.done()
            assert session.queued_s >= home.options.max_queued_input_ms / 1000
            await session.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    play(scenario)


@pytest.mark.parametrize("full", [False, True])
def test_what_is_cleared_before_the_engine_has_answered_is_not_waited_for(full: bool) -> None:
    async def scenario() -> None:
        async with far_house() as home:
            if full:
                home.engine.refuse_next(ResourceExhausted("full", retry_after_s=0.5))
            session = home.open(config())
            reader = asyncio.create_task(collect(session))
            for message in chunks(utterances(1)):
                await session.receive(message)
            await until_submitted(home, refused=full)
            await session.receive(ClearInput())
            for message in chunks(utterances(1)):
                await session.receive(message)
            await session.half_close()
            events = await reader
            check_contract(events)
            assert [done.status for done in of(events, UtteranceDone)] == [CLEARED, OK]
            assert of(events, StreamWarning) == []
            assert of(events, Closed)

    play(scenario)


def test_a_refusal_behind_other_events_of_the_stream_is_not_missed() -> None:
    """The first utterance is answered while the second waits for its verdict, which is a refusal."""

    async def scenario() -> None:
        async with far_house() as home:
            home.engine.answer_delay_s = 0.09
            session = home.open(config())
            reader = asyncio.create_task(collect(session))
            messages = chunks(utterances(2, pause_s=0.6))
            for message in messages:
                await session.receive(message)
            await until_submitted(home)
            home.engine.refuse_next(ResourceExhausted("full", retry_after_s=0.5))
            await session.half_close()
            events = await reader
            assert [done.status for done in of(events, UtteranceDone)] == [OK, OK]

    play(scenario)


def test_a_stream_that_leaves_before_the_engine_has_answered_leaves_nothing() -> None:
    async def scenario() -> None:
        async with far_house() as home:
            session = home.open(config())
            for message in chunks(utterances(1)):
                await session.receive(message)
            await until_submitted(home)
            await session.cancel()
            home.assert_nothing_left()

    play(scenario)


@pytest.mark.parametrize("error", [Unavailable("stopping"), OutOfRange("is too long", field="source")])
def test_the_end_of_a_stream_waits_for_the_verdict_too(error: Exception) -> None:
    async def scenario() -> None:
        async with far_house() as home:
            home.engine.refuse_next(error)  # type: ignore[arg-type]
            reading = converse(home.open(config()), chunks(utterances(1)))
            if isinstance(error, Unavailable):
                with pytest.raises(Unavailable, match="stopping"):
                    await reading
                return
            assert [warning.code for warning in of(await reading, StreamWarning)] == ["utterance_refused"]

    play(scenario)
