"""A machine on virtual time whose cost of speech a test sets, and the estimate that watches it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from translate_svc.session.capacity.estimate import CapacityEstimate, CapacityOptions, LoadSample

STEP_S = 0.5
SLOTS = 1_000
NEWEST_S = 10.0


@dataclass
class SimulatedLoad:
    """Streams that speak ``activity`` of the time; the engine works ``cost`` seconds for a second of speech.

    ``slot_cost``: seconds that a second of speech keeps a slot busy. ``noise``: the cost varies by this share
    from sample to sample. ``speed``: of the input; above 1 it is a file. ``relative``: what the streams cost
    beside those of one text each. ``overhead``: what steps take beside the work, as a share of it.
    """

    options: CapacityOptions = CapacityOptions(max_streams=1_000, target_load=0.5)  # noqa: RUF009 - frozen
    cost: float = 0.05
    activity: float = 0.8
    slot_cost: float = 0.0
    noise: float = 0.0
    speed: float = 1.0
    relative: float = 1.0
    overhead: float = 0.0
    lag_s: float = 0.0
    live: int = 0
    published: list[int] = field(default_factory=list)
    came_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.estimate = CapacityEstimate(self.options)
        self._random = random.Random(1)
        self._sample = LoadSample(0.0, 0, 0, 0.0, 0.0, 0.0, SLOTS)
        self.estimate.observe(self._sample)

    def run(self, seconds: float, *, arrivals: Callable[[int], int] | None = None) -> int:
        """Runs for so long; returns the capacity at the end. ``arrivals``: streams to open at each step."""
        for _ in range(round(seconds / STEP_S)):
            for _ in range(arrivals(self.live) if arrivals else 0):
                if self.live * self.relative + self.relative <= self.estimate.units:
                    self.live += 1
                    self.came_s.append(self._sample.now_s)
            self._observe()
            self.published.append(self.estimate.streams)
        return self.estimate.streams

    @property
    def load(self) -> float:
        """The share of the time that the engine would work for those inside."""
        return self.live * self.activity * self.cost * (1 + self.overhead)

    def _observe(self) -> None:
        before = self._sample
        wanted_s = self.live * self.activity * self.speed * STEP_S
        cost = self.cost * (1 + self._random.uniform(-self.noise, self.noise))
        audio_s = min(wanted_s, STEP_S / cost)  # no engine works more than all the time
        self._sample = replace(
            before,
            now_s=before.now_s + STEP_S,
            settled=self.live,
            live=self.live * self.relative,
            work_s=before.work_s + audio_s * cost,
            slot_s=before.slot_s + audio_s * self.slot_cost,
            audio_s=before.audio_s + audio_s,
            lag_s=self.lag_s,
            step_s=before.step_s + audio_s * cost * (1 + self.overhead),
            newest=self.relative * sum(came_s > before.now_s - NEWEST_S for came_s in self.came_s),
            relative_audio_s=before.relative_s + audio_s * self.relative,
        )
        self.estimate.observe(self._sample)
