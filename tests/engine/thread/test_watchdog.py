"""An engine that hangs is given up, and one that merely works is not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from tests.engine.async_fixtures import Gate, Inbox, build, refusal_of, request
from tests.virtual_time import virtual_time
from translate_svc.engine.async_engine import AsyncEngine
from translate_svc.engine.events import FinishStatus, RequestFinished
from translate_svc.engine.thread.watchdog import SLOW_TIMEOUTS, Watchdog
from translate_svc.errors import EngineLost

LIMIT_S = 0.2


class Clock:
    """Stands still until a test moves it, so a step takes no time on however busy a machine."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self._reads = 0

    def __call__(self) -> float:
        self._reads += 1
        return self.now_s

    async def watchdog_looks(self) -> None:
        """Waits until the watchdog has compared the time several times. Meanwhile a step must run."""
        enough = self._reads + 3
        async with asyncio.timeout(60):
            while self._reads < enough:  # noqa: ASYNC110 - a look has no event
                await asyncio.sleep(0.005)


@asynccontextmanager
async def watched(
    gate: Gate, fatal: list[BaseException], clock: Clock
) -> AsyncIterator[tuple[AsyncEngine, asyncio.Task[None]]]:
    engine = build(before_execute=gate, on_fatal=fatal.append, clock=clock)
    engine.start()
    watching = asyncio.create_task(Watchdog(engine, LIMIT_S, clock=clock).run())
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
    gate, fatal, inbox, clock = Gate(), list[BaseException](), Inbox(), Clock()
    async with watched(gate, fatal, clock) as (engine, watching):
        await one_more(engine, "before")
        gate.shut()
        engine.submit(request("a"), inbox)
        await gate.wait_for_blocked_step()
        clock.now_s += 0.9 * LIMIT_S
        await clock.watchdog_looks()
        assert not watching.done()
        clock.now_s += 0.2 * LIMIT_S
        await asyncio.wait_for(watching, 60)
        assert (engine.status.lost, engine.status.healthy) == (True, False)
        assert [type(error) for error in fatal] == [EngineLost]
        assert f"longer than {LIMIT_S} s" in str(fatal[0]), "it was not the first step"
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
    gate, fatal, inbox, clock = Gate(), list[BaseException](), Inbox(), Clock()
    async with watched(gate, fatal, clock) as (engine, watching):
        gate.shut()
        engine.submit(request("a"), inbox)
        await gate.wait_for_blocked_step()
        clock.now_s += 2 * LIMIT_S
        await clock.watchdog_looks()
        assert not watching.done()
        gate.open()
        await inbox.until(RequestFinished)
        assert not fatal


async def test_an_engine_without_work_does_not_hang() -> None:
    gate, fatal, clock = Gate(), list[BaseException](), Clock()
    async with watched(gate, fatal, clock) as (engine, watching):
        await one_more(engine, "a")
        clock.now_s += 10 * LIMIT_S
        await asyncio.sleep(LIMIT_S)  # the watchdog's timers are earlier than this sleep
        assert not watching.done()
        await one_more(engine, "b")
        assert not fatal


class SteppingEngine:
    """Steps on virtual time: each takes so many seconds, with ``idle_s`` without work after it."""

    def __init__(self, idle_s: float = 0.0) -> None:
        self.last_step_started: float | None = None
        self.step_s = 0.0
        self.steps = 0
        self.reasons: list[str] = []
        self._idle_s = idle_s

    def abandon(self, reason: str) -> None:
        self.reasons.append(reason)

    async def run(self, durations_s: Iterable[float]) -> None:
        clock = asyncio.get_running_loop().time
        for duration_s in durations_s:
            self.last_step_started = clock()
            await asyncio.sleep(duration_s)
            self.last_step_started = None
            self.step_s += duration_s
            self.steps += 1
            await asyncio.sleep(self._idle_s)


def watched_steps(engine: SteppingEngine, durations_s: Iterable[float], limit_s: float = 3.0) -> float | None:
    """After how many seconds the watchdog gives the engine up; None: it does not."""

    async def scenario() -> float | None:
        clock = asyncio.get_running_loop().time
        watching = asyncio.create_task(Watchdog(engine, limit_s, clock=clock).run())
        working = asyncio.create_task(engine.run(durations_s))
        await asyncio.wait({watching, working}, return_when=asyncio.FIRST_COMPLETED)
        given_up_s = clock() if watching.done() else None
        for task in (watching, working):
            task.cancel()
        await asyncio.gather(watching, working, return_exceptions=True)
        return given_up_s

    with virtual_time() as runner:
        return runner.run(scenario())


def test_steps_that_all_end_just_in_time_are_a_lost_engine_all_the_same() -> None:
    """Each step takes 2 s of the 3 s that it may: a sentence of 30 words would take a minute and more."""
    engine = SteppingEngine()
    given_up_s = watched_steps(engine, [2.0] * 1_000)
    assert given_up_s is not None
    assert SLOW_TIMEOUTS * 3 <= given_up_s <= SLOW_TIMEOUTS * 3 + 5
    assert "steps took" in engine.reasons[0]


def test_time_without_work_neither_hides_nor_makes_a_slow_engine() -> None:
    assert watched_steps(SteppingEngine(idle_s=60), [2.0] * 20) is not None
    assert watched_steps(SteppingEngine(idle_s=60), [0.25] * 500) is None


def test_an_engine_that_is_slow_for_a_while_is_kept() -> None:
    """The first step, and a machine that something else keeps busy for some seconds."""
    assert watched_steps(SteppingEngine(), [11.0, *[0.05] * 2_000]) is None
    assert watched_steps(SteppingEngine(), [0.05] * 40 + ([2.0] * 4 + [0.05] * 200) * 10) is None
