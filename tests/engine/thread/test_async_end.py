"""How the engine's thread ends: by a fatal error, after a drain, immediately, or not at all."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from collections.abc import Callable

import pytest

from tests.engine.async_fixtures import (
    LIMITS,
    TOKENIZER,
    FakeCapabilities,
    Gate,
    Inbox,
    build,
    model,
    refusal_of,
    request,
    running,
)
from tests.fakes.fake_runner import FakeRunner
from tests.fakes.fake_tokenizer import FakeTokenizer
from translate_svc.engine.async_engine import AsyncEngine
from translate_svc.engine.core import EngineCore
from translate_svc.engine.events import (
    FinishStatus,
    RequestFinished,
    SequenceFinished,
    TextFinished,
    TokenDecoded,
    UnitsPredicted,
)
from translate_svc.engine.plan import StepPlan
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.step_result import DecodeResult, StepResult
from translate_svc.errors import DeviceLost, EngineLost


def _lose_device(plan: StepPlan) -> None:
    raise DeviceLost("CUDA error")


def _bug(plan: StepPlan) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("break_", [_lose_device, _bug])
async def test_a_fatal_error_ends_every_request_and_says_so(break_: Callable[[StepPlan], None]) -> None:
    fatal: list[BaseException] = []
    gate = Gate(shuts_after=10)
    broken = threading.Event()

    def before_execute(plan: StepPlan) -> None:
        gate(plan)
        if broken.is_set():
            break_(plan)

    engine = build(before_execute=before_execute, on_fatal=fatal.append)
    async with running(engine):
        inboxes = [Inbox() for _ in range(3)]
        engine.submit(request("0", tokens=200, sequences=3), inboxes[0])
        await gate.wait_for_blocked_step()
        await inboxes[0].until(TokenDecoded)
        engine.submit(request("1", sequences=4), inboxes[1])
        engine.submit(request("2"), inboxes[2])
        broken.set()
        gate.open()
        for inbox in inboxes:
            await inbox.until(RequestFinished)
            assert inbox.last.status is FinishStatus.FAILED
            ends = [event for event in inbox.events if isinstance(event, SequenceFinished)]
            assert [event.status for event in ends] == [FinishStatus.FAILED] * len(ends)
        assert [len([e for e in inbox.events if isinstance(e, SequenceFinished)]) for inbox in inboxes] == [
            3,
            4,
            1,
        ]
        assert not engine.status.healthy
        assert len(fatal) == 1
        assert engine.status.live_requests == 0
        assert engine.status.lost
        assert isinstance(await refusal_of(engine, request("3")), EngineLost)


async def test_who_owns_a_request_of_a_lost_engine_may_end_it_before_it_fails() -> None:
    """A session does: a failure would be that of its utterance."""
    gate, inbox, told = Gate(), Inbox(), asyncio.Event()

    def end(error: BaseException) -> None:
        engine.abort("0")
        told.set()

    engine = build(before_execute=gate, on_fatal=end)
    async with running(engine):
        gate.shut()
        engine.submit(request("0"), inbox)
        await gate.wait_for_blocked_step()
        engine.abandon("a step takes too long")
        await told.wait()
        gate.open()
    assert not [each for each in inbox.events if isinstance(each, SequenceFinished | RequestFinished)]


async def test_a_runner_that_loses_an_item_is_fatal() -> None:
    class Forgetful(FakeRunner):
        def execute(self, plan: StepPlan) -> StepResult:
            result = super().execute(plan)
            kept = tuple(each for each in result.results if not isinstance(each, DecodeResult))
            return dataclasses.replace(result, results=kept)

    inbox = Inbox()
    engine = AsyncEngine(EngineCore(Scheduler(LIMITS, TOKENIZER), Forgetful(model)), FakeCapabilities())
    async with running(engine):
        engine.submit(request("a"), inbox)
        await inbox.until(RequestFinished)
        assert inbox.last.status is FinishStatus.FAILED
        assert not engine.status.healthy


async def test_what_only_the_scheduler_can_refuse_fails_alone() -> None:
    """The tokenizer knows a language when it is asked the first time, and no more."""

    class Fickle(FakeTokenizer):
        asked = 0

        def prompt(self, target_language: str, source_language: str | None = None) -> tuple[int, ...]:
            if target_language != "xxx":
                return super().prompt(target_language, source_language)
            self.asked += 1
            return super().prompt({1: "spa"}.get(self.asked, "xxx"), source_language)

    inbox, other = Inbox(), Inbox()
    engine = AsyncEngine(
        EngineCore(Scheduler(LIMITS, Fickle()), FakeRunner(model)),
        FakeCapabilities(("xxx", "spa"), ("spa",)),
    )
    async with running(engine):
        engine.submit(dataclasses.replace(request("a"), sequences=(SequenceSpec("xxx"),)), inbox)
        engine.submit(request("b"), other)
        await inbox.until(RequestFinished)
        await other.until(RequestFinished)
        assert [inbox.last.status, other.last.status] == [FinishStatus.FAILED, FinishStatus.OK]
        assert engine.status.healthy
        assert engine.status.live_requests == 0


async def test_draining_finishes_what_was_taken() -> None:
    inboxes = [Inbox() for _ in range(6)]
    engine = build()
    engine.start()
    for index, inbox in enumerate(inboxes):
        engine.submit(request(str(index), sequences=2), inbox)
    stopping = asyncio.create_task(engine.stop(drain=True, deadline_s=1_000))
    await asyncio.sleep(0)
    assert str(await refusal_of(engine, request("late"))) == "the engine is stopping"
    async with asyncio.timeout(60):
        assert await stopping, "it ends when all requests are finished, not at the deadline"
    assert [inbox.last.status for inbox in inboxes] == [FinishStatus.OK] * 6
    assert not engine.status.healthy
    assert await engine.stop(drain=True, deadline_s=1), "stopping twice is fine"


async def test_a_drain_ends_at_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("translate_svc.engine.async_engine._STEP_GRACE_S", 60.0)
    inbox = Inbox()
    engine = build(limits=dataclasses.replace(LIMITS, initial_credit_pieces=0))
    engine.start()
    engine.submit(request("a", speech=True), inbox)
    await inbox.until(TextFinished)
    assert await engine.stop(drain=True, deadline_s=0.1)
    assert inbox.last.status is FinishStatus.FAILED


async def test_dropping_ends_all_at_once() -> None:
    inboxes = [Inbox() for _ in range(6)]
    gate = Gate(shuts_after=10)
    engine = build(before_execute=gate)
    engine.start()
    for index, inbox in enumerate(inboxes):
        engine.submit(request(str(index), tokens=250, sequences=4), inbox)
    await gate.wait_for_blocked_step()
    await inboxes[0].until(TokenDecoded)
    stopping = asyncio.create_task(engine.stop(drain=False, deadline_s=60))
    await asyncio.sleep(0)
    gate.open()
    assert await stopping
    assert {inbox.last.status for inbox in inboxes} == {FinishStatus.FAILED}


async def test_a_thread_that_hangs_in_a_step_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("translate_svc.engine.async_engine._STEP_GRACE_S", 0.1)
    gate, inbox = Gate(), Inbox()
    engine = build(before_execute=gate)
    engine.start()
    (thread,) = [each for each in threading.enumerate() if each.name == "translate-engine"]
    assert thread.daemon, "a hanging thread must not keep the process alive"
    before = time.monotonic()
    gate.shut()
    engine.submit(request("a"), inbox)
    await gate.wait_for_blocked_step()
    assert engine.last_step_started is not None
    assert before <= engine.last_step_started <= time.monotonic()
    assert not await engine.stop(drain=True, deadline_s=0.1)
    assert inbox.last.status is FinishStatus.FAILED
    gate.open()
    assert await engine.stop(drain=False, deadline_s=60)
    assert engine.last_step_started is None


async def test_an_idle_engine_sleeps() -> None:
    """A speech without credit does not wake the thread up."""
    checks = 0

    class Watched(Scheduler):
        @property
        def has_work(self) -> bool:
            nonlocal checks
            checks += 1
            return super().has_work

    inbox = Inbox()
    scheduler = Watched(dataclasses.replace(LIMITS, initial_credit_pieces=0), TOKENIZER)
    async with running(AsyncEngine(EngineCore(scheduler, FakeRunner(model)), FakeCapabilities())) as engine:
        engine.submit(request("a", speech=True), inbox)
        await inbox.until(UnitsPredicted)
        async with asyncio.timeout(60):
            before = -1
            while checks != before:  # a thread that never sleeps never lets this end
                before = checks
                await asyncio.sleep(0.1)
        assert engine.status.healthy
