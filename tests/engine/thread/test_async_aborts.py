"""After an abort no event of the request is delivered, whichever thread calls ``abort``."""

from __future__ import annotations

import asyncio
import time

import pytest

from tests.engine.async_fixtures import Gate, Inbox, build, request, running
from translate_svc.engine.events import (
    EngineEvent,
    RequestFinished,
    RequestQueued,
    TextFinished,
    TokenDecoded,
    WaveformPiece,
)
from translate_svc.engine.plan import StepPlan


@pytest.mark.parametrize("kind", [None, TokenDecoded, TextFinished, WaveformPiece], ids=str)
async def test_nothing_arrives_after_abort(kind: type[EngineEvent] | None) -> None:
    inbox, other = Inbox(), Inbox()
    async with running(build()) as engine:
        engine.submit(request("a", tokens=20, speech=True, sequences=2), inbox)
        if kind is not None:
            await inbox.until(kind)
        engine.abort("a")
        engine.abort("a")
        seen = len(inbox.events)
        assert engine.status.live_requests == 0
        engine.submit(request("b", sequences=4), other)
        await other.until(RequestFinished)
        assert len(inbox.events) == seen


async def test_an_abort_is_applied_before_the_next_step() -> None:
    """The running step finishes. The next one has no item of the request, and its slots serve another."""
    gate = Gate(shuts_after=10)
    plans: list[StepPlan] = []

    def watch(plan: StepPlan) -> None:
        plans.append(plan)
        gate(plan)

    inbox, successor = Inbox(), Inbox()
    async with running(build(before_execute=watch)) as engine:
        engine.submit(request("a", tokens=100, sequences=4), inbox)
        await gate.wait_for_blocked_step()
        await inbox.until(TokenDecoded)
        engine.abort("a")
        engine.submit(request("successor", sequences=4), successor)
        running_plans = len(plans)
        gate.open()
        await successor.until(RequestFinished)
    after = [item.key.request_id for plan in plans[running_plans:] for item in plan.decode]
    assert set(after) == {"successor"}


async def test_an_id_may_be_used_again_at_once() -> None:
    """Undelivered events of the first request are not delivered to the second one of the same id."""
    gate = Gate(shuts_after=10)
    async with running(build(before_execute=gate)) as engine:
        first, second = Inbox(), Inbox()
        engine.submit(request("a", tokens=100), first)
        gate.hold_loop_until_blocked_step()
        engine.abort("a")
        engine.submit(request("a", tokens=4), second)
        gate.open()
        await second.until(RequestFinished)
    assert first.events == []
    assert second.text == "one two one two"


async def test_abort_from_within_a_receiver() -> None:
    inbox, other = Inbox(), Inbox()
    async with running(build()) as engine:

        def receive(event: EngineEvent) -> None:
            inbox(event)
            if isinstance(event, TokenDecoded):
                engine.abort("a")

        engine.submit(request("a", tokens=9, sequences=4), receive)
        await inbox.until(TokenDecoded)
        engine.submit(request("b", tokens=20), other)
        await other.until(RequestFinished)
        assert [type(event) for event in inbox.events] == [RequestQueued, TokenDecoded]


async def test_submit_and_abort_from_other_threads() -> None:
    inboxes = {f"{thread}-{index}": Inbox() for thread in range(4) for index in range(8)}
    errors: list[BaseException] = []
    aborted = {name for name in inboxes if int(name[-1]) % 2}

    async with running(build()) as engine:

        def caller(thread: int) -> None:
            try:
                for index in range(8):
                    name = f"{thread}-{index}"
                    engine.submit(request(name, tokens=5 + index), inboxes[name])
                    if name in aborted:
                        engine.abort(name)
                        seen = len(inboxes[name].events)
                        time.sleep(0.002)
                        assert len(inboxes[name].events) == seen, "delivered after abort"
            except BaseException as error:
                errors.append(error)

        await asyncio.gather(*(asyncio.to_thread(caller, thread) for thread in range(4)))
        for name in inboxes.keys() - aborted:
            await inboxes[name].until(RequestFinished)
        assert engine.status.live_requests == 0
    assert errors == []
