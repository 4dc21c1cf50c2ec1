"""The real thread and a real loop, briefly; the model is the fake runner's table."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np
import pytest

from tests.fakes.fake_runner import FakeRunner, FakeTranslation
from tests.fakes.fake_tokenizer import FakeTokenizer
from translate_svc.engine.async_engine import AsyncEngine
from translate_svc.engine.core import EngineCore
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import StepPlan, StepResult
from translate_svc.engine.request import (
    EngineEvent,
    FinishStatus,
    Request,
    RequestFinished,
    SequenceFinished,
    SequenceSpec,
    TextFinished,
    TokenDecoded,
    UnitsPredicted,
    WaveformPiece,
)
from translate_svc.engine.scheduler import Scheduler
from translate_svc.errors import DeviceLost, InvalidArgument, OutOfRange, ResourceExhausted, Unavailable
from translate_svc.types import Samples

TOKENIZER = FakeTokenizer()
ONE, TWO = TOKENIZER.text_ids[:2]
LIMITS = EngineLimits(max_slots=4, first_piece_units=3, max_piece_units=8, initial_credit_pieces=2)


@dataclasses.dataclass(frozen=True)
class FakeAbilities:
    text_languages: tuple[str, ...] = ("eng", "spa")
    speech_languages: tuple[str, ...] = ("eng", "spa")
    speaker_count: int = 4


def model(samples: Samples, sequence: int) -> FakeTranslation:
    """As many tokens as the first sample says, and 30 units."""
    return FakeTranslation((ONE, TWO) * (int(samples[0]) // 2) + (ONE,) * (int(samples[0]) % 2), 30)


class Gate:
    """Holds steps up while it is shut; ``held`` is released for each one held, ``steps`` counts them all."""

    def __init__(self) -> None:
        self._open = threading.Event()
        self._open.set()
        self._held = threading.Semaphore(0)
        self.steps = 0

    def __call__(self, plan: StepPlan) -> None:
        self.steps += 1
        if not self._open.is_set():
            self._held.release()
        assert self._open.wait(60)

    async def holds_a_step(self) -> None:
        assert await asyncio.to_thread(self._held.acquire, timeout=60)

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()


class Inbox:
    """A receiver that remembers what it got and on which thread."""

    def __init__(self) -> None:
        self.events: list[EngineEvent] = []
        self.threads: set[int] = set()
        self._changed = asyncio.Event()

    def __call__(self, event: EngineEvent) -> None:
        self.events.append(event)
        self.threads.add(threading.get_ident())
        self._changed.set()

    async def until(self, kind: type[EngineEvent], count: int = 1) -> None:
        async with asyncio.timeout(60):
            while sum(isinstance(event, kind) for event in self.events) < count:
                self._changed.clear()
                await self._changed.wait()

    @property
    def last(self) -> RequestFinished:
        assert isinstance(self.events[-1], RequestFinished)
        return self.events[-1]

    @property
    def text(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, TokenDecoded))


def request(request_id: str, tokens: int = 3, speech: bool = False, sequences: int = 1) -> Request:
    samples = np.full(1_600, tokens, np.float32)
    return Request(request_id, samples, (SequenceSpec("spa", speech),) * sequences)


def build(
    *,
    limits: EngineLimits = LIMITS,
    before_execute: Callable[[StepPlan], None] | None = None,
    on_fatal: Callable[[BaseException], None] | None = None,
) -> AsyncEngine:
    runner = FakeRunner(model, before_execute=before_execute)
    return AsyncEngine(EngineCore(Scheduler(limits, TOKENIZER), runner), FakeAbilities(), on_fatal=on_fatal)


@asynccontextmanager
async def running(engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    engine.start()
    try:
        yield engine
    finally:
        assert await engine.stop(drain=False, deadline_s=60)
        assert not [each for each in threading.enumerate() if each.name == "translate-engine"]


# -------------------------------------------------------------------- the way of events


async def test_events_arrive_on_the_loop_in_order() -> None:
    inbox = Inbox()
    async with running(build()) as engine:
        engine.submit(request("a", tokens=4, speech=True), inbox)
        assert inbox.events == [], "nothing is delivered inside submit"
        engine.grant("a", 0, 9)
        await inbox.until(RequestFinished)
    assert inbox.threads == {threading.get_ident()}
    assert inbox.last.status is FinishStatus.OK
    (text,) = [event for event in inbox.events if isinstance(event, TextFinished)]
    assert inbox.text + text.tail == text.text == "one two one two"
    assert sum(len(e.samples) for e in inbox.events if isinstance(e, WaveformPiece)) == 30 * 320


async def test_the_events_of_a_step_come_in_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    post, calls = loop.call_soon_threadsafe, 0

    def counted(callback: Callable[..., object], *args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += threading.current_thread().name == "translate-engine"
        return post(callback, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "call_soon_threadsafe", counted)
    gate = Gate()
    async with running(build(before_execute=gate)) as engine:
        gate.shut()
        inboxes = [Inbox() for _ in range(4)]
        for index, inbox in enumerate(inboxes):
            engine.submit(request(str(index), tokens=5), inbox)
        gate.open()
        for inbox in inboxes:
            await inbox.until(RequestFinished)
    assert calls <= gate.steps + 1, "one call a step, and one to say that the thread has ended"
    assert sum(len(inbox.events) for inbox in inboxes) > calls


async def test_credit_withheld_stalls_one_speech_and_no_other() -> None:
    stalled, other = Inbox(), Inbox()
    async with running(build()) as engine:
        engine.submit(request("stalled", speech=True), stalled)
        engine.submit(request("other", speech=True), other)
        engine.grant("other", 0, 9)
        await other.until(RequestFinished)
        await stalled.until(WaveformPiece, count=2)
        await asyncio.sleep(0.05)
        assert sum(isinstance(event, WaveformPiece) for event in stalled.events) == 2
        engine.grant("stalled", 0, 9)
        await stalled.until(RequestFinished)
    assert stalled.last.status is FinishStatus.OK


async def test_a_receiver_that_raises_loses_its_own_request_only() -> None:
    def broken(event: EngineEvent) -> None:
        raise ValueError("boom")

    inbox = Inbox()
    async with running(build()) as engine:
        engine.submit(request("broken", tokens=50), broken)
        engine.submit(request("a"), inbox)
        await inbox.until(RequestFinished)
        assert engine.live_requests == 0
        assert engine.healthy


# -------------------------------------------------------------------- aborts


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
        assert engine.live_requests == 0
        engine.submit(request("b", sequences=4), other)
        await other.until(RequestFinished)
        assert len(inbox.events) == seen


async def test_an_abort_is_applied_before_the_next_step() -> None:
    """The step that is running goes on; the next one has nothing of the request, and its slots serve
    another.
    """
    gate = Gate()
    plans: list[StepPlan] = []

    def watch(plan: StepPlan) -> None:
        plans.append(plan)
        gate(plan)

    inbox, heir = Inbox(), Inbox()
    async with running(build(before_execute=watch)) as engine:
        engine.submit(request("a", tokens=100, sequences=4), inbox)
        await inbox.until(TokenDecoded)
        gate.shut()
        await gate.holds_a_step()
        engine.abort("a")
        engine.submit(request("heir", sequences=4), heir)
        running_plans = len(plans)
        gate.open()
        await heir.until(RequestFinished)
    after = [item.key.request_id for plan in plans[running_plans:] for item in plan.decode]
    assert set(after) == {"heir"}


async def test_an_id_may_be_used_again_at_once() -> None:
    """Events of the first life that are on their way are not delivered to the second."""
    gate = Gate()
    async with running(build(before_execute=gate)) as engine:
        first, second = Inbox(), Inbox()
        engine.submit(request("a", tokens=100), first)
        await first.until(TokenDecoded)
        time.sleep(0.05)  # noqa: ASYNC251 - holds this loop while what the thread posts piles up
        engine.abort("a")
        engine.submit(request("a", tokens=4), second)
        await second.until(RequestFinished)
    assert second.text == "one two one two"


async def test_abort_from_within_a_receiver() -> None:
    inbox = Inbox()
    async with running(build()) as engine:

        def receive(event: EngineEvent) -> None:
            inbox(event)
            engine.abort("a")

        engine.submit(request("a", tokens=9), receive)
        await inbox.until(TokenDecoded)
        await asyncio.sleep(0.05)
        assert len(inbox.events) == 1


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
        assert engine.live_requests == 0
    assert errors == []


# -------------------------------------------------------------------- refusals


async def test_bad_requests_are_refused_by_the_name_of_the_field() -> None:
    async with running(build()) as engine:
        with pytest.raises(InvalidArgument) as caught:
            engine.submit(dataclasses.replace(request("a"), sequences=(SequenceSpec("fra"),)), Inbox())
        assert caught.value.field == "sequences[0].language"
        with pytest.raises(OutOfRange) as caught:
            engine.submit(dataclasses.replace(request("a"), samples=np.zeros(9, np.float32)), Inbox())
        assert caught.value.field == "samples"
        assert engine.live_requests == 0


async def test_an_id_in_use_is_refused() -> None:
    async with running(build()) as engine:
        engine.submit(request("a", tokens=100), Inbox())
        with pytest.raises(InvalidArgument) as caught:
            engine.submit(request("a"), Inbox())
        assert caught.value.field == "request_id"


async def test_a_full_line_refuses_until_it_moves() -> None:
    gate = Gate()
    limits = dataclasses.replace(LIMITS, max_slots=1, max_waiting_requests=2)
    async with running(build(limits=limits, before_execute=gate)) as engine:
        gate.shut()
        inboxes = [Inbox() for _ in range(4)]
        engine.submit(request("0"), inboxes[0])
        await gate.holds_a_step()  # admitted, and held in its step
        gate.open()
        await inboxes[0].until(RequestFinished)
        gate.shut()
        engine.submit(request("1", tokens=20), inboxes[1])
        engine.submit(request("2"), inboxes[2])
        with pytest.raises(ResourceExhausted, match="line") as caught:
            engine.submit(request("3"), inboxes[3])
        assert 0 < caught.value.retry_after_s <= 60
        gate.open()
        await inboxes[2].until(RequestFinished)
        engine.submit(request("3"), inboxes[3])
        await inboxes[3].until(RequestFinished)
        assert engine.waiting_requests == 0


async def test_readers_that_grant_nothing_cannot_fill_the_engine_without_bound() -> None:
    limits = dataclasses.replace(LIMITS, max_live_requests=2, initial_credit_pieces=0)
    async with running(build(limits=limits)) as engine:
        inboxes = [Inbox() for _ in range(2)]
        for index, inbox in enumerate(inboxes):
            engine.submit(request(str(index), speech=True), inbox)
        for inbox in inboxes:
            await inbox.until(TextFinished)
        with pytest.raises(ResourceExhausted):
            engine.submit(request("2"), Inbox())
        engine.abort("0")
        engine.submit(request("2"), Inbox())


async def test_before_start_nothing_is_taken() -> None:
    engine = build()
    assert not engine.healthy
    with pytest.raises(Unavailable):
        engine.submit(request("a"), Inbox())
    assert await engine.stop(drain=True, deadline_s=1)


# -------------------------------------------------------------------- the end


def _lose_device(plan: StepPlan) -> None:
    raise DeviceLost("CUDA error")


def _bug(plan: StepPlan) -> None:
    raise ZeroDivisionError


@pytest.mark.parametrize("break_", [_lose_device, _bug])
async def test_a_fatal_error_ends_every_request_and_says_so(break_: Callable[[StepPlan], None]) -> None:
    fatal: list[BaseException] = []
    gate = Gate()
    broken = threading.Event()

    def before_execute(plan: StepPlan) -> None:
        gate(plan)
        if broken.is_set():
            break_(plan)

    engine = build(before_execute=before_execute, on_fatal=fatal.append)
    async with running(engine):
        inboxes = [Inbox() for _ in range(3)]
        engine.submit(request("0", tokens=200, sequences=3), inboxes[0])
        await inboxes[0].until(TokenDecoded)
        engine.submit(request("1", sequences=4), inboxes[1])
        broken.set()
        engine.submit(request("2"), inboxes[2])
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
        assert not engine.healthy
        assert len(fatal) == 1
        assert engine.live_requests == 0
        with pytest.raises(Unavailable):
            engine.submit(request("3"), Inbox())


async def test_a_runner_that_loses_an_item_is_fatal() -> None:
    class Forgetful(FakeRunner):
        def execute(self, plan: StepPlan) -> StepResult:
            return dataclasses.replace(super().execute(plan), decoded=())

    inbox = Inbox()
    engine = AsyncEngine(EngineCore(Scheduler(LIMITS, TOKENIZER), Forgetful(model)), FakeAbilities())
    async with running(engine):
        engine.submit(request("a"), inbox)
        await inbox.until(RequestFinished)
        assert inbox.last.status is FinishStatus.FAILED
        assert not engine.healthy


async def test_what_only_the_scheduler_can_refuse_fails_alone() -> None:
    """The abilities promise a language that the tokenizer lacks."""
    inbox, other = Inbox(), Inbox()
    engine = AsyncEngine(
        EngineCore(Scheduler(LIMITS, TOKENIZER), FakeRunner(model)), FakeAbilities(("xxx", "spa"), ("spa",))
    )
    async with running(engine):
        engine.submit(dataclasses.replace(request("a"), sequences=(SequenceSpec("xxx"),)), inbox)
        engine.submit(request("b"), other)
        await inbox.until(RequestFinished)
        await other.until(RequestFinished)
        assert [inbox.last.status, other.last.status] == [FinishStatus.FAILED, FinishStatus.OK]
        assert engine.healthy
        assert engine.live_requests == 0


async def test_draining_finishes_what_was_taken() -> None:
    inboxes = [Inbox() for _ in range(6)]
    engine = build()
    engine.start()
    for index, inbox in enumerate(inboxes):
        engine.submit(request(str(index), sequences=2), inbox)
    stopping = asyncio.create_task(engine.stop(drain=True, deadline_s=1_000))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable):
        engine.submit(request("late"), Inbox())
    async with asyncio.timeout(60):
        assert await stopping, "it ends when all is done, not at the deadline"
    assert [inbox.last.status for inbox in inboxes] == [FinishStatus.OK] * 6
    assert not engine.healthy
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
    engine = build()
    engine.start()
    for index, inbox in enumerate(inboxes):
        engine.submit(request(str(index), tokens=250, sequences=4), inbox)
    await inboxes[0].until(TokenDecoded)
    assert await engine.stop(drain=False, deadline_s=60)
    assert {inbox.last.status for inbox in inboxes} == {FinishStatus.FAILED}


async def test_a_thread_that_hangs_in_a_step_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("translate_svc.engine.async_engine._STEP_GRACE_S", 0.1)
    gate, inbox = Gate(), Inbox()
    engine = build(before_execute=gate)
    engine.start()
    (thread,) = [each for each in threading.enumerate() if each.name == "translate-engine"]
    assert thread.daemon, "a hanging thread must not keep the process"
    before = time.monotonic()
    gate.shut()
    engine.submit(request("a"), inbox)
    await gate.holds_a_step()
    assert engine.last_step_started is not None
    assert before <= engine.last_step_started <= time.monotonic()
    assert not await engine.stop(drain=True, deadline_s=0.1)
    assert inbox.last.status is FinishStatus.FAILED
    gate.open()
    assert await engine.stop(drain=False, deadline_s=60)
    assert engine.last_step_started is None


async def test_an_idle_engine_sleeps() -> None:
    """A speech without credit is no reason to wake up."""
    looks = 0

    class Watched(Scheduler):
        @property
        def has_work(self) -> bool:
            nonlocal looks
            looks += 1
            return super().has_work

    inbox = Inbox()
    scheduler = Watched(dataclasses.replace(LIMITS, initial_credit_pieces=0), TOKENIZER)
    async with running(AsyncEngine(EngineCore(scheduler, FakeRunner(model)), FakeAbilities())) as engine:
        engine.submit(request("a", speech=True), inbox)
        await inbox.until(UnitsPredicted)
        async with asyncio.timeout(60):
            before = -1
            while looks != before:  # a thread that never sleeps never lets this end
                before = looks
                await asyncio.sleep(0.1)
        assert engine.healthy
