"""A server on virtual time: scheduler, estimate and admission are real, steps take what the starter takes."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from tests.fakes.fake_runner import FakeRunner, FakeTranslation
from tests.fakes.fake_tokenizer import FakeTokenizer
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import (
    EncodeItem,
    EncodeResult,
    EncodeUnfinished,
    ItemFailure,
    StageReport,
    StepPlan,
    StepResult,
)
from translate_svc.engine.request import EngineEvent, Request, RequestFinished, SequenceSpec, TokenDecoded
from translate_svc.engine.runner.encode_time import EncodeTime
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.errors import ResourceExhausted
from translate_svc.session.admission import Admission, AdmissionOptions, AdmissionSlot
from translate_svc.session.capacity.estimate import CapacityEstimate, CapacityOptions, LoadSample
from translate_svc.session.capacity.load_monitor import common_lag_s
from translate_svc.session.capacity.stream_lag import StreamLag
from translate_svc.types import EncoderSource, Stage

RATE_HZ = 16_000
_ENCODE_MS, _VOCODE_MS, _SPEAK_MS = 8.2, 11.2, 3.0
"""For a second of sound, and text-to-unit for a second of speech (benchmarks/results/stages.json)."""
_DECODE_MS, _ROW_MS, _STEP_MS = 1.5, 0.25, 0.3
_ENCODE_SLICE_MS = 1.0
_TOKENS = (FakeTokenizer().text_ids[0],) * 8
_CHUNK_S, _END_KNOWN_AFTER_S = 0.1, 0.32
_STREAM_S, _SETTLED_S, _OBSERVE_S = 15.0, 8.0, 0.5


@dataclass(eq=False)
class _Stream:
    """A stream in real time that always speaks; ``caller`` opens the next one when it has ended."""

    caller: int
    slot: AdmissionSlot
    opened_s: float
    lag: StreamLag = field(default_factory=lambda: StreamLag(RATE_HZ))
    unfinished: int = 0
    has_spoken: bool = False


class SimulatedServer:
    """Callers who speak in real time and come again when refused."""

    def __init__(self, options: CapacityOptions, targets: int = 1, seed: int = 1) -> None:
        limits = EngineLimits(min_source_samples=1)
        self.estimate = CapacityEstimate(options)
        self.first_text_ms: list[float] = []
        self.inside: list[int] = []
        self.capacities: list[int] = []
        self._targets = targets
        self._scheduler = Scheduler(limits, FakeTokenizer())
        self._runner = _TimedRunner()
        self._admission = Admission(
            AdmissionOptions(options.max_streams), capacity=self._capacity, clock=lambda: self._now_s
        )
        self._chance = random.Random(seed)
        self._now_s = 0.0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._streams: list[_Stream] = []
        self._asked: dict[str, tuple[_Stream, int, float]] = {}
        self._callers = 0
        self._observe()

    def run(self, callers: int, seconds: float, warm_up_s: float = 20.0) -> None:
        """So many callers for so long; what was measured before, and in the warm-up, is forgotten."""
        for caller in range(self._callers, callers):
            self._after(self._chance.uniform(0, 4), lambda caller=caller: self._call(caller))  # type: ignore[misc]
        self._callers = callers
        self._run_until(self._now_s + warm_up_s)
        self.first_text_ms, self.inside, self.capacities = [], [], []
        self._run_until(self._now_s + seconds)

    def _capacity(self) -> int:
        return self.estimate.streams

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (self._now_s + seconds, next(self._numbers), act))

    def _run_until(self, end_s: float) -> None:
        while self._now_s < end_s:
            while self._agenda[0][0] <= self._now_s:
                heapq.heappop(self._agenda)[2]()
            if plan := self._scheduler.schedule():
                self._step(plan)
            else:
                self._now_s = self._agenda[0][0]

    def _step(self, plan: StepPlan) -> None:
        result = self._runner.execute(plan)
        self._now_s += (_STEP_MS + sum(each.duration_ms for each in result.stages)) / 1000
        for event in self._scheduler.update(plan, result):
            self._take(event)

    def _take(self, event: EngineEvent) -> None:
        stream, utterance, due_s = self._asked[event.request_id]
        if isinstance(event, TokenDecoded) and due_s:
            self._asked[event.request_id] = stream, utterance, 0.0
            self.first_text_ms.append(1000 * (self._now_s - due_s))
            stream.lag.answer(utterance, self._now_s)
        elif isinstance(event, RequestFinished):
            del self._asked[event.request_id]
            stream.unfinished -= 1
            self._close_when_done(stream)

    # ---------------------------------------------------------------- callers

    def _call(self, caller: int) -> None:
        if caller >= self._callers:
            return
        try:
            slot = self._admission.admit()
        except ResourceExhausted as refusal:
            self._after(refusal.retry_after_s * self._chance.uniform(0.5, 1), lambda: self._call(caller))
            return
        stream = _Stream(caller, slot, self._now_s)
        stream.lag.begin(0, self._now_s)
        self._streams.append(stream)
        self._speak(stream, 0.0)

    def _speak(self, stream: _Stream, from_s: float) -> None:
        """The next utterance of ``stream``, which begins so long after it was opened."""
        if from_s > _STREAM_S:
            stream.has_spoken = True
            self._close_when_done(stream)
            return
        end_s = from_s + self._chance.uniform(2.5, 4.5)
        due_s = stream.opened_s + end_s + _END_KNOWN_AFTER_S
        chunks = -(-(end_s + _END_KNOWN_AFTER_S) // _CHUNK_S)
        self._after(
            stream.opened_s + chunks * _CHUNK_S - self._now_s,
            lambda: self._ask(stream, round((end_s - from_s) * RATE_HZ), due_s),
        )
        next_s = end_s + self._chance.uniform(0.6, 0.9)
        self._after(stream.opened_s + next_s - self._now_s, lambda: self._speak(stream, next_s))

    def _ask(self, stream: _Stream, samples: int, due_s: float) -> None:
        number = next(self._numbers)
        stream.lag.expect(number, due_s)
        stream.unfinished += 1
        specs = tuple(SequenceSpec(language, True) for language in ("eng", "spa", "fra")[: self._targets])
        source = np.zeros(samples, np.float32)
        self._asked[str(number)] = stream, number, due_s
        self._scheduler.add(Request(str(number), source, specs, caller=str(id(stream))))

    def _close_when_done(self, stream: _Stream) -> None:
        if stream.has_spoken and not stream.unfinished and stream.slot.held:
            stream.slot.release()
            self._streams.remove(stream)
            self._call(stream.caller)

    def _observe(self) -> None:
        totals, now_s = self._scheduler.totals, self._now_s
        self.estimate.observe(
            LoadSample(
                now_s,
                settled=sum(now_s - each.opened_s >= _SETTLED_S for each in self._streams),
                live=len(self._streams),
                work_s=totals.work_s,
                slot_s=totals.slot_s,
                audio_s=totals.source_samples / RATE_HZ,
                slots=self._scheduler.limits.max_slots,
                lag_s=common_lag_s([each.lag.seconds(now_s) for each in self._streams]),
            )
        )
        self.inside.append(len(self._streams))
        self.capacities.append(self.estimate.streams)
        self._after(_OBSERVE_S, self._observe)


def _translation(source: EncoderSource, sequence: int) -> FakeTranslation:
    """Speech as long as the source."""
    del sequence
    return FakeTranslation(_TOKENS, round(len(source) / RATE_HZ * 50))


class _TimedRunner(FakeRunner):
    """Says how long each step takes, on one thread, and encodes as long as ``ModelRunner`` does."""

    def __init__(self) -> None:
        super().__init__(_translation)
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
        total_ms = {item.job_id: _ENCODE_MS * len(item.source) / RATE_HZ for item in plan.encode}
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
