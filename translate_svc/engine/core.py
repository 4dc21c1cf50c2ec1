"""One step of the engine: schedule, execute, update."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from translate_svc.engine.events import EngineEvent
from translate_svc.engine.plan import StepPlan
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.step_result import StepReport, StepResult


class Runner(Protocol):
    """Computes plans; owns every tensor. Called from one thread only."""

    def execute(self, plan: StepPlan) -> StepResult:
        """Answers every item of ``plan`` exactly once: with its result or with its own ``ItemFailure``.

        Raises:
            DeviceLost: no later call can succeed. The engine treats any other exception the same way.
        """


class EngineCore:
    """Scheduler and runner together. The thread that calls ``step`` owns the device.

    ``on_step`` is called on that thread after every step; it must be fast and must not raise. ``clock``
    returns seconds and never goes backwards.
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
        """Runs one step and returns its events in order. Without work it does nothing and returns none.

        Raises:
            DeviceLost: the runner cannot continue.
            InvariantViolation: the runner's result does not fit the plan.
        """
        started_s = self.clock()
        plan = self.scheduler.schedule()
        if not plan:
            return []
        result = self._runner.execute(plan)
        events = self.scheduler.update(plan, result)
        if self._on_step is not None:
            self._on_step(StepReport(self.clock() - started_s, result.stages))
        return events
