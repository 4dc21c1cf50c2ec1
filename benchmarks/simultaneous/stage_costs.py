"""Where the engine's processor time goes: by stage, and how much work each stage was given."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest import mock

import numpy as np

from translate_svc.engine.plan import StepPlan
from translate_svc.engine.runner import model_runner
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.engine.step_result import EncodeResult, StageResult
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, SAMPLES_PER_UNIT, Stage

WORK_UNITS = {
    Stage.ENCODE: "s of audio",
    Stage.DECODE: "rows of tokens",
    Stage.TEXT_TO_UNIT: "tokens",
    Stage.VOCODE: "s of speech",
}
"""What the work of each stage is counted in. A row is one pass of one sequence over one token or a run."""


@dataclass(slots=True)
class StageTotal:
    """Processor seconds of a stage and the work done in them, in ``WORK_UNITS``."""

    engine_s: float = 0.0
    work: float = 0.0

    def __sub__(self, before: StageTotal) -> StageTotal:
        return StageTotal(self.engine_s - before.engine_s, self.work - before.work)


@dataclass(slots=True)
class StageClock:
    """Totals since the start of an engine. The engine's thread writes them; read them while it is idle."""

    totals: dict[Stage, StageTotal] = field(default_factory=lambda: {each: StageTotal() for each in Stage})

    def read(self) -> dict[Stage, StageTotal]:
        """A copy."""
        return {stage: StageTotal(total.engine_s, total.work) for stage, total in self.totals.items()}


@contextmanager
def clocked_runners() -> Iterator[StageClock]:
    """Engines that are built inside of it count their stages on one clock."""
    clock = StageClock()

    class ClockedRunner(ModelRunner):
        def _stage(self, stage: Stage, plan: StepPlan, report: model_runner._Report) -> Sequence[StageResult]:
            before_s = time.thread_time()
            results = super()._stage(stage, plan, report)
            total = clock.totals[stage]
            total.engine_s += time.thread_time() - before_s
            total.work += _work(stage, plan, results)
            return results

    with mock.patch.object(model_runner, "ModelRunner", ClockedRunner):
        yield clock


def _work(stage: Stage, plan: StepPlan, results: Sequence[StageResult]) -> float:
    """Of an encoding that took several steps: all of it in the last one."""
    match stage:
        case Stage.ENCODE:
            done = {each.request_id for each in results if isinstance(each, EncodeResult)}
            sources = [item.source for item in plan.encode if item.request_id in done]
            samples = sum(len(each) for each in sources if isinstance(each, np.ndarray))
            return samples / INTERNAL_SAMPLE_RATE_HZ
        case Stage.DECODE:
            return len(plan.decode)
        case Stage.TEXT_TO_UNIT:
            return sum(item.computed_tokens for item in plan.text_to_unit)
        case Stage.VOCODE:
            units = sum(item.end_unit - item.start_unit for item in plan.vocode)
            return units * SAMPLES_PER_UNIT / INTERNAL_SAMPLE_RATE_HZ
