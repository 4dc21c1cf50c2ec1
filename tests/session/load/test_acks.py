"""``ack``: opt-in, cumulative; a bound on how far responses may be ahead of it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.session.harness import (
    RATE_HZ,
    check_contract,
    chunks,
    config,
    converse,
    house,
    of,
    speech,
    utterances,
)
from tests.virtual_time import virtual_time
from translate_svc.engine.request import Request
from translate_svc.errors import EngineLost, InvalidArgument, StreamTimeout
from translate_svc.session.options import SessionOptions
from translate_svc.session.session import Session
from translate_svc.types import (
    AckInput,
    Cleared,
    ClearInput,
    Closed,
    EndInput,
    GoAway,
    SessionEvent,
    TargetSettings,
)

WINDOW = 5
OPTIONS = SessionOptions(max_unacknowledged=WINDOW, max_queued_events=8, max_queued_input_ms=1_000)


def play(scenario: Coroutine[Any, Any, None]) -> None:
    with virtual_time() as runner:
        runner.run(scenario)


class Reader:
    """Takes what it is given, as a transport does; ``taken[seq - 1]`` is the response with that number."""

    def __init__(self, session: Session) -> None:
        self.taken: list[SessionEvent] = []
        self._session = session
        self.task = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for event in self._session.events():
            self.taken.append(event)


def _wordy(request: Request) -> ScriptedRequest:
    """A hundred and more events an utterance."""
    says = ScriptedSequence(deltas=(" word",) * 100)
    return ScriptedRequest((says,) * len(request.sequences))


async def _send(session: Session, count: int) -> None:
    for message in chunks(utterances(count)):
        await session.receive(message)


def test_who_never_acknowledges_is_never_waited_for() -> None:
    async def scenario() -> None:
        async with house(_wordy, options=OPTIONS) as home:
            events = await converse(home.open(config()), chunks(utterances(3)))
        check_contract(events)
        assert len(events) > 300

    play(scenario())


def test_responses_stop_a_window_ahead_of_the_last_ack() -> None:
    async def scenario() -> None:
        async with house(_wordy, options=OPTIONS) as home:
            session = home.open(config())
            reader = Reader(session)
            await session.receive(AckInput(0))
            await _send(session, 1)
            await asyncio.sleep(60)
            assert len(reader.taken) == WINDOW
            for seq in (1, 1, 3, 5):
                await session.receive(AckInput(seq))
                await asyncio.sleep(1)
                assert len(reader.taken) == WINDOW + seq, "cumulative, and twice is harmless"

    play(scenario())


def test_a_first_ack_far_behind_waits_until_the_client_has_caught_up() -> None:
    async def scenario() -> None:
        async with house(_wordy, options=OPTIONS) as home:
            session = home.open(config())
            reader = Reader(session)
            await _send(session, 1)
            await asyncio.sleep(0.5)
            before = len(reader.taken)
            assert WINDOW < before < 50
            await session.receive(AckInput(1))
            await asyncio.sleep(60)
            assert len(reader.taken) == before
            await session.receive(AckInput(before))
            await asyncio.sleep(60)
            assert len(reader.taken) == before + WINDOW

    play(scenario())


@pytest.mark.parametrize(
    ("acks", "wrong"), [((), 2), ((), 2**62), ((), -1), ((0,), 2), ((1,), 0), ((1, 1), 0), ((1,), -5)]
)
def test_a_wrong_number_is_refused_by_its_field_and_changes_nothing(
    acks: tuple[int, ...], wrong: int
) -> None:
    async def scenario() -> None:
        async with house(options=OPTIONS) as home:
            session = home.open(config())
            reader = Reader(session)
            await asyncio.sleep(1)
            assert len(reader.taken) == 1
            for seq in acks:
                await session.receive(AckInput(seq))
            with pytest.raises(InvalidArgument) as caught:
                await session.receive(AckInput(wrong))
            assert caught.value.field == "ack.seq"
            await session.receive(EndInput(0))
            await reader.task
        assert isinstance(reader.taken[-1], Closed)

    play(scenario())


def test_a_client_that_acknowledges_gets_everything_however_small_the_window() -> None:
    async def scenario() -> None:
        async with house(_wordy, options=SessionOptions(max_unacknowledged=1)) as home:
            session = home.open(config())
            await session.receive(AckInput(0))

            async def send() -> None:
                await _send(session, 5)
                await asyncio.sleep(60)
                await session.receive(EndInput(5 * 2 * RATE_HZ))

            sender = asyncio.create_task(send())
            events: list[SessionEvent] = []
            async for event in session.events():
                events.append(event)
                if not sender.done():
                    await session.receive(AckInput(len(events)))
        check_contract(events)
        assert len(events) > 500

    play(scenario())


@pytest.mark.parametrize("half", [False, True], ids=["end", "half-close"])
def test_after_the_end_nobody_waits_for_acks_that_can_not_come(half: bool) -> None:
    """Not even for speech whose credit the reader has yet to give."""

    def talkative(request: Request) -> ScriptedRequest:
        return ScriptedRequest((ScriptedSequence(piece_units=(25,) * 30),) * len(request.sequences))

    async def scenario() -> None:
        async with house(talkative, options=OPTIONS) as home:
            session = home.open(config())
            reader = Reader(session)
            await session.receive(AckInput(0))
            for message in chunks(speech(1.0)):
                await session.receive(message)
            await asyncio.sleep(60)
            assert len(reader.taken) < WINDOW + 1
            await (session.half_close() if half else session.receive(EndInput(RATE_HZ)))
            await asyncio.wait_for(reader.task, 60)
        check_contract(reader.taken)

    play(scenario())


def test_clear_acts_while_the_window_is_full_and_is_told_when_it_opens() -> None:
    async def scenario() -> None:
        async with house(_wordy, options=OPTIONS) as home:
            session = home.open(config())
            reader = Reader(session)
            await session.receive(AckInput(0))
            await _send(session, 2)
            await asyncio.sleep(60)
            await session.receive(ClearInput())
            assert not home.engine.live_request_ids
            assert len(reader.taken) == WINDOW
            for _ in range(4):
                await session.receive(AckInput(len(reader.taken)))
                await asyncio.sleep(1)
            assert of(reader.taken, Cleared) == [Cleared(4 * RATE_HZ)]
            await session.receive(EndInput(4 * RATE_HZ))
            await reader.task
        check_contract(reader.taken)

    play(scenario())


def test_a_full_window_does_not_hold_a_draining_server() -> None:
    async def scenario() -> None:
        async with house(_wordy, options=OPTIONS) as home:
            session = home.open(config())
            reader = Reader(session)
            await session.receive(AckInput(0))
            await _send(session, 1)
            await asyncio.sleep(10)
            session.go_away(20_000)
            await asyncio.sleep(20)
            await session.cancel()
            await asyncio.wait_for(reader.task, 1)
            assert of(reader.taken, GoAway) == []

    play(scenario())


@pytest.mark.parametrize("talks", [False, True], ids=["silent", "goes on talking"])
def test_a_client_that_acknowledges_no_more_is_given_up(talks: bool) -> None:
    """After five minutes of a full window: also where its acks stand behind audio that waits for them."""

    async def scenario() -> None:
        async with house(_wordy, options=OPTIONS) as home:
            session = home.open(config())
            reader = Reader(session)
            await session.receive(AckInput(0))
            sender = asyncio.create_task(_send(session, 100 if talks else 1))
            await asyncio.sleep(299)
            assert not reader.task.done()
            await session.receive(AckInput(1))
            await asyncio.sleep(299)
            assert not reader.task.done(), "every new ack starts the time anew"
            await asyncio.sleep(10)
            sender.cancel()
            with pytest.raises(StreamTimeout, match="no ack"):
                await reader.task
            await session.cancel()

    play(scenario())


def test_a_failure_is_told_through_a_full_window() -> None:
    async def scenario() -> None:
        async with house(options=OPTIONS) as home:
            session = home.open(config(TargetSettings("es", speech=False)))
            await session.receive(AckInput(0))
            reader = Reader(session)
            await _send(session, 1)
            await asyncio.sleep(60)
            assert len(reader.taken) == WINDOW
            home.engine.lose_device()
            with pytest.raises(EngineLost):
                await _send(session, 10)
            with pytest.raises(EngineLost):
                await asyncio.wait_for(reader.task, 60)
            assert len(reader.taken) > WINDOW, "behind the events before it"

    play(scenario())
