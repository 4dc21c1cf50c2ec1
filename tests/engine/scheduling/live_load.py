"""Callers on virtual time: some speak now and then, one translates recordings without a pause."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from tests.fakes.fake_runner import FakeTranslation
from tests.fakes.fake_tokenizer import FakeTokenizer
from tests.fakes.timed_runner import STEP_MS, TimedRunner
from translate_svc.engine.events import EngineEvent, RequestFinished, TokenDecoded, WaveformPiece
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import StepPlan
from translate_svc.engine.request import Request
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.types import EncoderSource

RATE_HZ = 16_000
_TOKENS = (FakeTokenizer().text_ids[0],) * 8


@dataclass
class LiveLoad:
    """``speakers`` with an utterance of 1.5 s each ``every_s``; a neighbour with a burst of recordings.

    ``waits_ms``: from the arrival of a speaker's utterance to its first token. ``finished``: requests, by
    caller. A step takes what the starter takes on one thread.
    """

    speakers: int = 5
    neighbour: int = 0
    every_s: tuple[float, float] = (1.7, 2.4)
    recording_s: float = 2.5
    limits: EngineLimits = field(default_factory=lambda: EngineLimits(min_source_samples=1))
    seed: int = 1
    waits_ms: list[float] = field(default_factory=list)
    finished: Counter[str] = field(default_factory=Counter)
    plans: list[StepPlan] = field(default_factory=list)
    now_ms: float = 0.0

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(self.limits, FakeTokenizer())
        self._runner = TimedRunner(_translation)
        self._chance = random.Random(self.seed)
        self._numbers = itertools.count()
        self._live: dict[str, tuple[str, float]] = {}  # caller and arrival, by request
        self._untold: set[str] = set()
        self._next_ms = {
            f"speaker {number}": self._chance.uniform(0, 1000 * self.every_s[1])
            for number in range(self.speakers)
        }

    def run(self, seconds: float) -> None:
        """Runs for so long."""
        end_ms = self.now_ms + 1000 * seconds
        while self.now_ms < end_ms:
            self._arrive()
            plan = self.scheduler.schedule()
            if not plan:
                self.now_ms = min(self._next_ms.values())
                continue
            result = self._runner.execute(plan)
            self.plans.append(plan)
            self.now_ms += STEP_MS + sum(each.duration_ms for each in result.stages)
            for event in self.scheduler.update(plan, result):
                self._take(event)

    def p95_ms(self) -> float:
        """Of the time to the first token."""
        return float(np.percentile(self.waits_ms, 95))

    def _arrive(self) -> None:
        for caller, at_ms in self._next_ms.items():
            if self.now_ms >= at_ms:
                self._untold.add(self._submit(caller, 1.5, at_ms))
                self._next_ms[caller] = at_ms + 1000 * self._chance.uniform(*self.every_s)
        recordings = sum(caller == "neighbour" for caller, _ in self._live.values())
        line = 3 * self.limits.max_waiting_requests // 4  # as much as one key may have in line
        while recordings < self.neighbour and self.scheduler.waiting_by_caller()["neighbour"] < line:
            self._submit("neighbour", self.recording_s, self.now_ms)
            recordings += 1

    def _submit(self, caller: str, seconds: float, at_ms: float) -> str:
        request_id = f"{caller} {next(self._numbers)}"
        source = np.zeros(round(seconds * RATE_HZ), np.float32)
        self.scheduler.add(Request(request_id, source, (SequenceSpec("eng", True),), caller=caller))
        self._live[request_id] = caller, at_ms
        return request_id

    def _take(self, event: EngineEvent) -> None:
        if isinstance(event, TokenDecoded) and event.request_id in self._untold:
            self._untold.remove(event.request_id)
            self.waits_ms.append(self.now_ms - self._live[event.request_id][1])
        elif isinstance(event, WaveformPiece):
            self.scheduler.grant(event.request_id, event.sequence)
        elif isinstance(event, RequestFinished):
            caller, _ = self._live.pop(event.request_id)
            self.finished[caller] += 1


def _translation(source: EncoderSource, sequence: int) -> FakeTranslation:
    """Speech as long as the source."""
    del sequence
    return FakeTranslation(_TOKENS, round(len(source) / RATE_HZ * 50))
