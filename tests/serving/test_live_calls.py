"""The calls of one front door: how many may be opening, who is refused, and how a drain ends."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack

import pytest

from tests.rpc.scripted_session import ScriptedService
from tests.serving.fakes import DONE, FakeClient, FakeSession, now_s, play
from translate_svc.errors import (
    EngineLost,
    InvalidArgument,
    ResourceExhausted,
    Unauthenticated,
    Unavailable,
)
from translate_svc.serving.call_driver import CallDriver
from translate_svc.serving.live_calls import DRAINING, LiveCalls
from translate_svc.serving.options import CallOptions
from translate_svc.serving.stream_driver import StreamDriver
from translate_svc.types import ANONYMOUS, Caller, CallerLimits, UtteranceDone

OPTIONS = CallOptions(max_unopened_streams=1, abort_timeout_s=1, cancel_timeout_s=5)


def start(calls: LiveCalls, talk: FakeSession) -> asyncio.Task[None]:
    return asyncio.create_task(calls.run(CallDriver(FakeClient(), talk, OPTIONS, last=UtteranceDone)))


def test_who_is_kept_out_is_counted_whatever_kept_it_out() -> None:
    async def scenario() -> None:
        service = ScriptedService()
        calls = LiveCalls(service, OPTIONS)
        error = InvalidArgument("no")
        with pytest.raises(InvalidArgument), calls.admission():
            raise error
        with calls.admission():
            calls.check_open()
        assert service.rejections == [error]

    play(scenario)


def test_so_many_streams_may_be_opening() -> None:
    async def scenario() -> None:
        calls = LiveCalls(ScriptedService(), OPTIONS)
        refused = pytest.raises(ResourceExhausted, match="1 streams are being opened")
        with calls.opening(ANONYMOUS), refused, calls.opening(ANONYMOUS):
            pass
        with calls.opening(ANONYMOUS):
            pass

    play(scenario)


def test_one_caller_leaves_places_for_others() -> None:
    async def scenario() -> None:
        calls = LiveCalls(ScriptedService(), CallOptions(max_unopened_streams=40))
        alice, bob = Caller("alice"), Caller("bob", limits=CallerLimits(max_streams=2))
        with ExitStack() as stack:
            for who, places in ((alice, 10), (bob, 2), (ANONYMOUS, 28)):
                for _ in range(places):
                    stack.enter_context(calls.opening(who))
                with pytest.raises(ResourceExhausted, match="streams"), calls.opening(who):
                    pass
        with calls.opening(alice):
            pass

    play(scenario)


def test_an_address_is_a_caller_where_nobody_says_who_they_are() -> None:
    async def scenario() -> None:
        calls = LiveCalls(ScriptedService(), CallOptions(max_unopened_streams=8))
        with ExitStack() as stack:
            for address in ("192.0.2.1", "192.0.2.2"):
                for _ in range(2):
                    stack.enter_context(calls.opening(ANONYMOUS, address))
                with pytest.raises(ResourceExhausted, match="2 streams"), calls.opening(ANONYMOUS, address):
                    pass

    play(scenario)


def test_a_drain_refuses_new_calls_and_waits_for_those_inside() -> None:
    async def scenario() -> None:
        calls, talk = LiveCalls(ScriptedService(), OPTIONS), FakeSession()
        running = start(calls, talk)
        await asyncio.sleep(1)
        draining = asyncio.create_task(calls.drain(30, DRAINING))
        await asyncio.sleep(1)
        for _ in range(2):
            with pytest.raises(Unavailable, match="draining"):
                calls.check_open()
        assert DRAINING.__traceback__ is None
        assert len(calls) == 1
        talk.say(DONE)
        await draining
        assert now_s() == pytest.approx(2)
        assert len(calls) == 0
        await running

    play(scenario)


def test_a_call_that_was_being_admitted_when_a_drain_began_ends_at_once() -> None:
    """It is in nobody's list at that moment, and would be told nothing."""

    async def scenario() -> None:
        calls, talk = LiveCalls(ScriptedService(), OPTIONS), FakeSession()
        await calls.drain(30, DRAINING)
        with pytest.raises(Unavailable, match="draining"):
            await start(calls, talk)
        assert now_s() == pytest.approx(0)
        assert len(calls) == 0
        assert talk.end is not None, "all is released"

    play(scenario)


def test_what_is_left_at_the_deadline_fails_with_the_reason() -> None:
    async def scenario() -> None:
        calls = LiveCalls(ScriptedService(), OPTIONS)
        running = start(calls, FakeSession())
        await asyncio.sleep(0)
        await calls.drain(30, EngineLost("the engine was lost"))
        assert now_s() == pytest.approx(30)
        with pytest.raises(EngineLost, match="the engine was lost"):
            await running

    play(scenario)


@pytest.mark.parametrize("revoked_s", [4.9, 5.0, 5.1, 7.4, 9.9])
def test_the_calls_of_a_revoked_caller_end_within_five_seconds(revoked_s: float) -> None:
    async def scenario() -> None:
        calls = LiveCalls(ScriptedService(), OPTIONS)
        checking = asyncio.create_task(calls.end_revoked())
        call = CallDriver(FakeClient(), FakeSession(), OPTIONS, last=UtteranceDone)
        with pytest.raises(Unauthenticated, match="revoked, or its token has expired"):
            await calls.run(call, lambda: now_s() < revoked_s)
        assert revoked_s <= now_s() <= revoked_s + 5
        checking.cancel()

    play(scenario)


@pytest.mark.parametrize("emptied_s", [4.0, 5.0, 6.0, 7.0])
def test_a_file_of_keys_that_is_empty_for_two_seconds_ends_no_call(emptied_s: float) -> None:
    """Who writes it in place empties it first."""

    async def scenario() -> None:
        calls, talk = LiveCalls(ScriptedService(), OPTIONS), FakeSession()
        checking = asyncio.create_task(calls.end_revoked())
        call = CallDriver(FakeClient(), talk, OPTIONS, last=UtteranceDone)
        running = asyncio.create_task(calls.run(call, lambda: not emptied_s <= now_s() <= emptied_s + 2))
        await asyncio.sleep(30)
        talk.say(DONE)
        await running
        checking.cancel()

    play(scenario)


def test_a_call_that_misses_every_deadline_is_left_behind() -> None:
    class Stuck(CallDriver):
        async def run(self) -> None:
            await asyncio.sleep(1_000)

    async def scenario() -> None:
        calls = LiveCalls(ScriptedService(), OPTIONS)
        call = Stuck(FakeClient(), FakeSession(), OPTIONS, last=UtteranceDone)
        running = asyncio.create_task(calls.run(call))
        await asyncio.sleep(0)
        await calls.drain(30, DRAINING)
        assert now_s() == pytest.approx(30 + 2 * 1 + 5)
        running.cancel()
        await asyncio.wait({running})

    play(scenario)


def test_streams_are_heard_until_the_engine_needs_the_rest_of_the_time() -> None:
    async def scenario() -> None:
        service, talk = ScriptedService(), FakeSession(finish_s=3)
        calls, client = LiveCalls(service, OPTIONS), FakeClient()
        running = asyncio.create_task(calls.run(StreamDriver(client, client, talk, OPTIONS)))
        await asyncio.sleep(0)
        service.finish_s = 16.0
        await calls.drain(30, DRAINING)
        assert talk.half_closed_s == pytest.approx(14)
        with pytest.raises(Unavailable):
            await running

    play(scenario)
