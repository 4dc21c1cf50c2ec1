"""The engine's own thread behind the wire."""

from __future__ import annotations

import itertools

from tests.engine.async_fixtures import Gate, Inbox, build, request, running
from tests.remote_engine.slow_wire import SlowWire
from tests.remote_engine.test_remote_engine import comparable
from translate_svc.engine.events import FinishStatus, RequestFinished, RequestQueued
from translate_svc.errors import EngineLost


async def test_events_are_those_of_the_engine_itself() -> None:
    near, far = Inbox(), Inbox()
    async with running(build()) as engine:
        wire = SlowWire(engine, itertools.repeat(0.0))
        for handle, inbox in ((engine, near), (wire.remote, far)):
            handle.submit(request("a", tokens=6, speech=True), inbox)
            handle.grant("a", 0, 9)
            await inbox.until(RequestFinished)
        assert wire.remote.open_requests == 0
    assert [comparable(event) for event in far.events[:-1]] == [
        comparable(event) for event in near.events[:-1]
    ]
    assert (far.last.status, len(far.last.timings)) == (near.last.status, len(near.last.timings))


async def test_a_lost_engine_is_lost_at_the_other_end() -> None:
    inbox, gate = Inbox(), Gate()
    async with running(build(before_execute=gate)) as engine:
        wire = SlowWire(engine, itertools.repeat(0.0))
        gate.shut()
        wire.remote.submit(request("a"), inbox)
        await inbox.until(RequestQueued)
        engine.abandon("a step takes too long")
        await inbox.until(RequestFinished)
        gate.open()
        assert inbox.last.status is FinishStatus.FAILED
        assert wire.remote.status.lost
        assert isinstance(wire.remote._delivery.refusal, EngineLost)
