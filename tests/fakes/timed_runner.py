"""A fake runner that says how long the stages of each step take: as long as the starter on one thread."""

from __future__ import annotations

from dataclasses import replace

from tests.fakes.fake_runner import FakeRunner, Model
from translate_svc.engine.plan import EncodeItem, StepPlan
from translate_svc.engine.runner.encode_time import EncodeTime
from translate_svc.engine.step_result import (
    EncodeResult,
    EncodeUnfinished,
    ItemFailure,
    StageReport,
    StepResult,
)
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Stage

_RATE_HZ = INTERNAL_SAMPLE_RATE_HZ
STEP_MS = 0.3
"""What a step takes beside its stages."""
_ENCODE_MS, _VOCODE_MS, _SPEAK_MS = 8.2, 11.2, 3.0
"""For a second of sound, and text-to-unit for a second of speech (benchmarks/results/stages.json)."""
_DECODE_MS, _ROW_MS = 1.5, 0.25
_ENCODE_SLICE_MS = 1.0


class TimedRunner(FakeRunner):
    """Says how long each step takes, on one thread, and encodes as long as ``ModelRunner`` does."""

    def __init__(self, model: Model) -> None:
        super().__init__(model)
        self._encode_time = EncodeTime()
        self._left_ms: dict[int, float] = {}  # of encodings, by job
        self._encoded = True

    def execute(self, plan: StepPlan) -> StepResult:
        times_ms = {Stage.ENCODE: self._advance(plan)} | _times_ms(plan)
        result = super().execute(plan)
        self.plans.clear()
        reports = []
        for stage in Stage:
            if items := plan.items(stage):
                self._encode_time.observe(stage, items, times_ms[stage] / 1000)
                reports.append(StageReport(stage, times_ms[stage], len(items), 0.0))
        return replace(result, stages=tuple(reports))

    def _advance(self, plan: StepPlan) -> float:
        """The milliseconds that the encodings of ``plan`` get."""
        total_ms = {item.job_id: _ENCODE_MS * len(item.source) / _RATE_HZ for item in plan.encode}
        self._left_ms = {job: self._left_ms.get(job, total_ms[job]) for job in total_ms}
        left_ms = sum(self._left_ms.values())
        allowed_ms = max(_ENCODE_SLICE_MS, 1000 * self._encode_time.seconds(plan))
        self._encoded = left_ms <= allowed_ms
        if self._encoded:
            self._left_ms = {}
            return left_ms
        self._left_ms = {job: each * (1 - allowed_ms / left_ms) for job, each in self._left_ms.items()}
        return allowed_ms

    def _encode(
        self, item: EncodeItem, failures: list[ItemFailure]
    ) -> EncodeResult | EncodeUnfinished | None:
        if self._encoded:
            return super()._encode(item, failures)
        self._encodings[item.job_id] = 0
        return EncodeUnfinished(item.request_id)


def _times_ms(plan: StepPlan) -> dict[Stage, float]:
    """What the stages after encoding take."""
    seconds = sum(item.end_unit - item.start_unit for item in plan.vocode) / 50
    return {
        Stage.DECODE: _DECODE_MS + _ROW_MS * len(plan.decode),
        Stage.TEXT_TO_UNIT: 1 + 3.5 * _SPEAK_MS * len(plan.text_to_unit),
        Stage.VOCODE: 1 + _VOCODE_MS * seconds,
    }
