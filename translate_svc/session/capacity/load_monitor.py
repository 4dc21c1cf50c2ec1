"""Watches the load of one process: measures its capacity and degrades the open streams."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from typing import Protocol

from translate_svc.engine.handle import EngineHandle
from translate_svc.session.capacity.degradation import Degradation, DegradationPolicy
from translate_svc.session.capacity.estimate import CapacityEstimate, CapacityOptions, LoadSample
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ

_INTERVAL_S = 0.5
_SETTLED_S = 8.0
"""After this time the speech of a stream shows in what the engine has translated."""
_FINISH_MARGIN = 2.0
"""The cost of speech is an average, and leaves out the fixed cost of a step."""
_SLOWER_ONES = 0.75
"""The lag of the streams together is that of the stream at this rank. One slow stream is not the engine's."""


class WatchedStream(Protocol):
    """A stream as the monitor sees it; ``session.session.Session`` implements it."""

    @property
    def age_s(self) -> float:
        """Seconds since it was opened."""

    @property
    def lag_s(self) -> float | None:
        """How far its results are behind its audio; None if no result was due for a while."""

    def degrade(self, degradation: Degradation) -> None:
        """Leaves out what ``degradation`` says from now on."""


class LoadMonitor:
    """Feeds ``CapacityEstimate`` and ``DegradationPolicy`` while ``run`` runs, twice a second."""

    def __init__(
        self,
        engine: EngineHandle,
        options: CapacityOptions,
        streams: Callable[[], Iterable[WatchedStream]],
        live: Callable[[], int],
        cost: Callable[[], float] | None = None,
        newest_cost: Callable[[], float] = lambda: 0.0,
    ) -> None:
        """``streams``: the open ones. ``live``: how many streams and calls are inside. ``cost``: the sum of
        their relative costs; None: they are not told apart. ``newest_cost``: of those that were admitted so
        lately that the engine's load does not show it.
        """
        self._engine = engine
        self._cost = cost
        self._newest_cost = newest_cost
        self._max_streams = options.max_streams
        self._is_measured = options.measured
        self._streams = streams
        self._live = live
        self._estimate = CapacityEstimate(options)
        self._degradation = DegradationPolicy()
        self.lag_s = 0.0
        """How far the slower ones of the streams inside are behind."""

    @property
    def units(self) -> float:
        """Streams of one text each that may be inside now. One that costs more counts for several."""
        return self._estimate.units

    @property
    def capacity(self) -> int:
        """Streams and calls that the engine keeps up with, if they are like those inside."""
        live = self._live()
        if self._cost is None or not live:
            return self._estimate.streams
        return max(1, min(math.floor(self._estimate.sustained * live / self._cost()), self._max_streams))

    @property
    def keeps_up(self) -> bool:
        """Whether the streams inside get their results in time."""
        return self._estimate.keeps_up

    @property
    def finish_s(self) -> float:
        """How long the engine needs for the work begun, if all streams are cut now; 0 if not known.

        Each stream is taken to be in the middle of an utterance, of the average length.
        """
        status = self._engine.status
        totals = status.totals
        if not totals.finished_requests:
            return 0.0
        mean_s = totals.source_samples / INTERNAL_SAMPLE_RATE_HZ / totals.finished_requests
        begun = status.live_requests + sum(1 for _ in self._streams())
        work_s = begun * mean_s * self._estimate.cost
        return _FINISH_MARGIN * work_s + self.lag_s if work_s else 0.0

    @property
    def degradation(self) -> Degradation:
        """What the streams inside leave out now."""
        return self._degradation.level

    async def run(self) -> None:
        """Watches until it is cancelled; returns at once if nothing is to be measured."""
        clock = asyncio.get_running_loop().time
        while self._is_measured:
            self.observe(clock())
            await asyncio.sleep(_INTERVAL_S)

    def observe(self, now_s: float) -> None:
        """Takes one sample, and degrades the streams as it asks."""
        streams = list(self._streams())
        self.lag_s = common_lag_s([stream.lag_s for stream in streams])
        status = self._engine.status
        relative_s = status.totals.relative_samples / INTERNAL_SAMPLE_RATE_HZ
        self._estimate.observe(
            LoadSample(
                now_s,
                settled=sum(stream.age_s >= _SETTLED_S for stream in streams),
                live=self._live() if self._cost is None else self._cost(),
                work_s=status.totals.work_s,
                slot_s=status.totals.slot_s,
                audio_s=status.totals.source_samples / INTERNAL_SAMPLE_RATE_HZ,
                slots=status.slots,
                lag_s=self.lag_s,
                step_s=status.totals.step_s,
                newest=self._newest_cost(),
                relative_audio_s=None if self._cost is None else relative_s,
            )
        )
        degradation = self._degradation.observe(now_s, self.lag_s)
        for stream in streams:
            stream.degrade(degradation)


def common_lag_s(lags_s: Iterable[float | None]) -> float:
    """The lag of the stream that three quarters of the measured ones do not exceed; 0 without any."""
    measured = sorted(lag_s for lag_s in lags_s if lag_s is not None)
    return measured[math.ceil(_SLOWER_ONES * len(measured)) - 1] if measured else 0.0
