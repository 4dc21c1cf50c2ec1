"""A real engine thread with the fake runner, callbacks that store events, and a gate that blocks steps."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import numpy as np

from tests.fakes.fake_runner import FakeRunner, FakeTranslation
from tests.fakes.fake_tokenizer import FakeTokenizer
from translate_svc.engine.async_engine import AsyncEngine
from translate_svc.engine.core import EngineCore
from translate_svc.engine.events import EngineEvent, RequestFinished, RequestRefused, TokenDecoded
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import StepPlan
from translate_svc.engine.request import Request
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.errors import TranslateSvcError
from translate_svc.types import EncoderSource

TOKENIZER = FakeTokenizer()
ONE, TWO = TOKENIZER.text_ids[:2]
LIMITS = EngineLimits(max_slots=4, first_piece_units=3, max_piece_units=8, initial_credit_pieces=2)


@dataclasses.dataclass(frozen=True)
class FakeCapabilities:
    text_languages: tuple[str, ...] = ("eng", "spa")
    speech_languages: tuple[str, ...] = ("eng", "spa")
    speaker_count: int = 4


def model(source: EncoderSource, sequence: int) -> FakeTranslation:
    """The first number of the source is the number of tokens; there are 30 units."""
    return FakeTranslation((ONE, TWO) * (int(source[0]) // 2) + (ONE,) * (int(source[0]) % 2), 30)


class Gate:
    """Blocks steps while it is shut. ``steps`` counts all steps.

    With ``shuts_after`` it shuts by itself after so many steps. A test that waits for an event and shuts it
    then races the engine, which may have finished the request.
    """

    def __init__(self, shuts_after: int | None = None) -> None:
        self._shuts_after = shuts_after
        self._open = threading.Event()
        self._open.set()
        self._blocked = threading.Semaphore(0)
        self.steps = 0

    def __call__(self, plan: StepPlan) -> None:
        if self.steps == self._shuts_after:
            self.shut()
        self.steps += 1
        if not self._open.is_set():
            self._blocked.release()
        assert self._open.wait(60)

    async def wait_for_blocked_step(self) -> None:
        assert await asyncio.to_thread(self._blocked.acquire, timeout=60)

    def hold_loop_until_blocked_step(self) -> None:
        """The event loop delivers nothing of what the engine posts meanwhile."""
        assert self._blocked.acquire(timeout=60)

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()


class Inbox:
    """A callback that stores its events and the threads it was called on."""

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
    clock: Callable[[], float] = time.monotonic,
    warm_up: Callable[[], None] = lambda: None,
) -> AsyncEngine:
    runner = FakeRunner(model, before_execute=before_execute)
    core = EngineCore(Scheduler(limits, TOKENIZER), runner, clock=clock)
    return AsyncEngine(core, FakeCapabilities(), on_fatal=on_fatal, warm_up=warm_up)


async def refusal_of(engine: AsyncEngine, asked: Request) -> TranslateSvcError:
    """The reason why the engine refuses a request. The request gets no other event."""
    inbox = Inbox()
    engine.submit(asked, inbox)
    assert inbox.events == [], "nothing is delivered inside submit"
    await inbox.until(RequestRefused)
    (refused,) = inbox.events
    assert isinstance(refused, RequestRefused)
    return refused.error


@asynccontextmanager
async def running(engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
    engine.start()
    try:
        await engine.warmed_up()
        yield engine
    finally:
        assert await engine.stop(drain=False, deadline_s=60)
        assert not [each for each in threading.enumerate() if each.name == "translate-engine"]
