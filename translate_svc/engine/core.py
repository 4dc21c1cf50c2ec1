"""One turn of the engine: schedule, run, update."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from translate_svc.engine.plan import StepPlan, StepReport, StepResult
from translate_svc.engine.request import EngineEvent
from translate_svc.engine.scheduler import Scheduler


class Runner(Protocol):
    """Computes plans; owns every tensor. Called from one thread only."""

    def execute(self, plan: StepPlan) -> StepResult:
        """Answers every item of ``plan`` exactly once: with its result, or with a ``ItemFailure`` of its own.

        Raises:
            DeviceLost: no later call can succeed. Any other exception is taken for the same.
        """


class EngineCore:
    """Scheduler and runner put together; the thread that calls ``step`` owns the device.

    ``on_step`` is called on that thread after every step; it must be quick and must not raise. ``clock``:
    seconds, never backwards.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        runner: Runner,
        *,
        on_step: Callable[[StepReport], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.scheduler = scheduler
        self.clock = clock
        self._runner = runner
        self._on_step = on_step

    def step(self) -> list[EngineEvent]:
        """Runs what is due and gives its events, in order; none when nothing is due."""
        started_s = self.clock()
        plan = self.scheduler.schedule()
        if not plan:
            return []
        result = self._runner.execute(plan)
        events = self.scheduler.update(plan, result)
        if self._on_step is not None:
            self._on_step(StepReport(self.clock() - started_s, result.stages))
        return events
