"""Barge-in: earlier input and results are dropped, the stream continues."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.session.harness import (
    RATE_HZ,
    check_contract,
    chunks,
    collect,
    config,
    house,
    of,
    speak,
    speech,
    texts,
    utterances,
)
from tests.virtual_time import virtual_time
from translate_svc.engine.request import Request
from translate_svc.session.options import SessionOptions
from translate_svc.types import (
    Cleared,
    ClearInput,
    Closed,
    EndInput,
    FinalizeInput,
    Progress,
    SessionEvent,
    SpeechChunk,
    SpeechStarted,
    StreamSettings,
    TargetSettings,
    TextDelta,
    Updated,
    UpdateInput,
    UtteranceDone,
    UtteranceStatus,
)


def play(scenario: Coroutine[Any, Any, None], *, executor_s: float = 0.0) -> None:
    with virtual_time(executor_s) as runner:
        runner.run(scenario)


def _slow(request: Request) -> ScriptedRequest:
    return ScriptedRequest(tuple(ScriptedSequence(piece_interval_s=5.0) for _ in request.sequences))


def _check_cleared(events: list[SessionEvent]) -> None:
    """Utterances that began before ``cleared`` and have no end yet are CLEARED, all before it."""
    places = [index for index, event in enumerate(events) if isinstance(event, Cleared)]
    for place in places:
        before = {event.utterance_id for event in of(events[:place], SpeechStarted)}
        assert before <= {event.utterance_id for event in of(events[:place], UtteranceDone)}


def test_clear_while_an_utterance_is_spoken() -> None:
    async def scenario() -> None:
        async with house(_slow) as home:
            session = home.open(config())
            reader = asyncio.create_task(collect(session))
            await speak(session, utterances(1))
            await asyncio.sleep(1)
            await session.receive(ClearInput())
            assert home.engine.live_request_ids == frozenset(), "aborted at once"
            await speak(session, utterances(1))
            await session.receive(EndInput(4 * RATE_HZ))
            events = await reader
        check_contract(events)
        _check_cleared(events)
        assert of(events, Cleared) == [Cleared(2 * RATE_HZ)]
        assert [done.status for done in of(events, UtteranceDone)] == [
            UtteranceStatus.CLEARED,
            UtteranceStatus.OK,
        ]
        assert of(events, SpeechStarted)[1].position == 2 * RATE_HZ, "a new grid begins at the cleared sample"
        assert {chunk.utterance_id for chunk in of(events, SpeechChunk)} == {1}
        assert of(events, Closed)[0].usage.utterances == 2

    play(scenario())


def test_clear_overtakes_queued_audio_but_keeps_updates_and_positions() -> None:
    """The input waits for an utterance that nobody reads; its samples are dropped, settings are not."""

    async def scenario() -> None:
        options = SessionOptions(max_utterances_in_flight=1, max_queued_input_ms=60_000)
        async with house(options=options) as home:
            session = home.open(config())
            for message in chunks(utterances(4)):
                await session.receive(message)
            await session.receive(UpdateInput(StreamSettings((TargetSettings("fr"),))))
            await asyncio.sleep(10)
            assert len(home.engine.submitted) == 1
            await session.receive(ClearInput())
            for message in chunks(utterances(1)):
                await session.receive(message)
            await session.receive(EndInput(10 * RATE_HZ))
            events = await collect(session)
        check_contract(events)
        _check_cleared(events)
        assert len(home.engine.submitted) == 2, "the waiting utterances were never submitted"
        assert of(events, Cleared) == [Cleared(8 * RATE_HZ)]
        last = of(events, SpeechStarted)[-1]
        assert last.position == 8 * RATE_HZ
        assert of(events, Updated) == [Updated(last.utterance_id)]
        assert texts(events) == {(last.utterance_id, "fra"): "fra 18944"}

    play(scenario())


def test_results_that_nobody_has_read_are_dropped_too() -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(config())
            for message in chunks(utterances(2)):
                await session.receive(message)
            await asyncio.sleep(60)
            await session.receive(ClearInput())
            await session.receive(EndInput(4 * RATE_HZ))
            events = await collect(session)
        check_contract(events)
        assert of(events, TextDelta) == []
        assert of(events, SpeechChunk) == []
        assert [done.status for done in of(events, UtteranceDone)] == [UtteranceStatus.CLEARED] * 2
        assert of(events, Closed)[0].usage.utterances == 2, "counted once"

    play(scenario())


def test_an_utterance_the_reader_has_heard_to_its_end_stays_as_it_was() -> None:
    async def scenario() -> None:
        async with house() as home:
            session = home.open(config())
            reader = asyncio.create_task(collect(session))
            await speak(session, utterances(1))
            await asyncio.sleep(60)
            await session.receive(ClearInput())
            await session.receive(ClearInput())
            await session.receive(EndInput(2 * RATE_HZ))
            events = await reader
        check_contract(events)
        assert [done.status for done in of(events, UtteranceDone)] == [UtteranceStatus.OK]
        assert of(events, Cleared) == [Cleared(2 * RATE_HZ)] * 2

    play(scenario())


def test_a_commit_point_that_nobody_has_read_is_told_after_the_new_ends() -> None:
    """Cut and cleared at the same sample: there is no further commit point that would tell it."""

    async def scenario() -> None:
        async with house() as home:
            session = home.open(config())
            for chunk in chunks(speech(1)):
                await session.receive(chunk)
            await session.receive(FinalizeInput())
            await asyncio.sleep(60)
            await session.receive(ClearInput())
            await session.receive(EndInput(RATE_HZ))
            events = await collect(session)
        check_contract(events)
        assert [done.status for done in of(events, UtteranceDone)] == [UtteranceStatus.CLEARED]
        assert of(events, Progress) == [Progress(RATE_HZ, RATE_HZ)]

    play(scenario())


@given(
    clears_after_s=st.lists(st.floats(0, 9), min_size=1, max_size=3),
    in_flight=st.integers(1, 3),
    chunk=st.sampled_from([160, 1_600, 16_000]),
    read_delay_s=st.sampled_from([0.0, 0.01, 0.3]),
)
@settings(max_examples=40)
def test_the_contract_holds_whenever_it_is_cleared(
    clears_after_s: list[float], in_flight: int, chunk: int, read_delay_s: float
) -> None:
    async def scenario() -> None:
        async with house(_slow, options=SessionOptions(max_utterances_in_flight=in_flight)) as home:
            session = home.open(config(TargetSettings("es"), TargetSettings("fr")))
            events: list[SessionEvent] = []

            async def read() -> None:
                async for event in session.events():
                    events.append(event)
                    await asyncio.sleep(read_delay_s)

            async def clear(at_s: float) -> None:
                await asyncio.sleep(at_s)
                await session.receive(ClearInput())

            async with asyncio.TaskGroup() as group:
                reader = asyncio.create_task(read())
                for at_s in clears_after_s:
                    group.create_task(clear(at_s))
                group.create_task(speak(session, utterances(3), size=chunk))
            await session.receive(EndInput(6 * RATE_HZ))
            await reader
        check_contract(events)
        _check_cleared(events)
        assert len(of(events, Cleared)) == len(clears_after_s)
        assert of(events, Closed)[0].usage.utterances == len(of(events, UtteranceDone))

    play(scenario(), executor_s=0.01)


@pytest.mark.parametrize("gap_s", [0.0, 0.5])
def test_finalized_and_cleared_at_once(gap_s: float) -> None:
    async def scenario() -> None:
        async with house(_slow) as home:
            session = home.open(config())
            reader = asyncio.create_task(collect(session))
            await speak(session, speech(1))
            await session.receive(FinalizeInput())
            await asyncio.sleep(gap_s)
            await session.receive(ClearInput())
            await session.receive(EndInput(RATE_HZ))
            events = await reader
        check_contract(events)
        _check_cleared(events)
        assert [done.status for done in of(events, UtteranceDone)] == [UtteranceStatus.CLEARED]

    play(scenario())
