"""An engine that hangs is given up, and one that merely works is not."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.engine.async_fixtures import Gate, Inbox, build, refusal_of, request
from translate_svc.engine.async_engine import AsyncEngine
from translate_svc.engine.request import FinishStatus, RequestFinished
from translate_svc.errors import EngineLost
from translate_svc.watchdog import FIRST_STEP_FACTOR, Watchdog

LIMIT_S = 0.2


@asynccontextmanager
async def watched(
    gate: Gate, fatal: list[BaseException]
) -> AsyncIterator[tuple[AsyncEngine, asyncio.Task[None]]]:
    engine = build(before_execute=gate, on_fatal=fatal.append)
    engine.start()
    watching = asyncio.create_task(Watchdog(engine, LIMIT_S).run())
    try:
        yield engine, watching
    finally:
        gate.open()
        watching.cancel()
        assert await engine.stop(drain=False, deadline_s=60)


async def one_more(engine: AsyncEngine, request_id: str) -> None:
    inbox = Inbox()
    engine.submit(request(request_id), inbox)
    await inbox.until(RequestFinished)
    assert inbox.last.status is FinishStatus.OK


async def test_a_step_that_hangs_costs_the_engine_and_ends_every_request() -> None:
    gate, fatal, inbox = Gate(), list[BaseException](), Inbox()
    async with watched(gate, fatal) as (engine, watching):
        await one_more(engine, "before")
        gate.shut()
        engine.submit(request("a"), inbox)
        await gate.wait_for_blocked_step()
        began_s = time.monotonic()
        await asyncio.wait_for(watching, 60)
        assert time.monotonic() - began_s < LIMIT_S * FIRST_STEP_FACTOR, "it was not the first step"
        assert (engine.status.lost, engine.status.healthy) == (True, False)
        assert [type(error) for error in fatal] == [EngineLost]
        assert inbox.last.status is FinishStatus.FAILED
        assert isinstance(await refusal_of(engine, request("b")), EngineLost)

        heard = len(inbox.events)
        gate.open()
        await asyncio.to_thread(_join_engine)
        await asyncio.sleep(0)
        assert len(inbox.events) == heard, "what the thread still made is dropped"
        assert len(fatal) == 1


def _join_engine() -> None:
    for thread in threading.enumerate():
        if thread.name == "translate-engine":
            thread.join(60)


async def test_the_first_step_may_take_longer() -> None:
    gate, fatal = Gate(), list[BaseException]()
    async with watched(gate, fatal) as (engine, watching):
        gate.shut()
        inbox = Inbox()
        engine.submit(request("a"), inbox)
        await gate.wait_for_blocked_step()
        await asyncio.sleep(LIMIT_S * 2)
        assert not watching.done()
        gate.open()
        await inbox.until(RequestFinished)
        assert not fatal


async def test_an_engine_without_work_does_not_hang() -> None:
    gate, fatal = Gate(), list[BaseException]()
    async with watched(gate, fatal) as (engine, watching):
        await one_more(engine, "a")
        await asyncio.sleep(LIMIT_S * 2)
        assert not watching.done()
        await one_more(engine, "b")
        assert not fatal
