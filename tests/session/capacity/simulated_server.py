"""A server on virtual time: scheduler, estimate and admission are real, steps take what the starter takes."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from tests.fakes.fake_runner import FakeTranslation
from tests.fakes.fake_tokenizer import FakeTokenizer
from tests.fakes.timed_runner import STEP_MS, TimedRunner
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import StepPlan
from translate_svc.engine.request import EngineEvent, Request, RequestFinished, SequenceSpec, TokenDecoded
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.errors import ResourceExhausted
from translate_svc.session.admission import Admission, AdmissionOptions, AdmissionSlot
from translate_svc.session.capacity.estimate import CapacityEstimate, CapacityOptions, LoadSample
from translate_svc.session.capacity.load_monitor import common_lag_s
from translate_svc.session.capacity.stream_lag import StreamLag
from translate_svc.types import EncoderSource

RATE_HZ = 16_000
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
        self._runner = TimedRunner(_translation)
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
        """So many callers for so long; earlier measurements, and those of the warm-up, are forgotten."""
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
        self._now_s += (STEP_MS + sum(each.duration_ms for each in result.stages)) / 1000
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
