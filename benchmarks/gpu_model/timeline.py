"""The host's clock and the device's timeline. Both are virtual; the host's own time is really measured."""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.gpu_model.devices import (
    CALL_S,
    COPY_S,
    GRAPH_KERNEL_S,
    KERNEL_S,
    LAUNCH_S,
    REPLAY_S,
    Device,
    Kernel,
)


class VirtualClock:
    """Seconds: the processor time of this thread, and what is added.

    Attributes:
        waited_s: of these, how long the host waited for the device or for work.
    """

    def __init__(self) -> None:
        self.waited_s = 0.0
        self._added_s = -time.thread_time()
        self._stopped_s: float | None = None

    def __call__(self) -> float:
        return (time.thread_time() if self._stopped_s is None else self._stopped_s) + self._added_s

    def add(self, seconds: float) -> None:
        """The host is busy for ``seconds``."""
        self._added_s += seconds

    def wait_until(self, moment_s: float) -> None:
        """The host waits; not at all if it is later already."""
        seconds = moment_s - self()
        if seconds > 0:
            self._added_s += seconds
            self.waited_s += seconds

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """The processor time of the block does not count. What is added in it does."""
        if self._stopped_s is not None:
            yield
            return
        self._stopped_s = time.thread_time()
        try:
            yield
        finally:
            self._added_s -= time.thread_time() - self._stopped_s
            self._stopped_s = None


@dataclass(frozen=True, slots=True, eq=False)
class Cost:
    """What one piece of work costs, once as eager operations, once as a graph.

    Attributes:
        kernel_s: of each kernel, in order, without its start and end.
        calls: operations of the host.
    """

    kernel_s: npt.NDArray[np.float64]
    calls: int

    @classmethod
    def of(cls, kernels: Sequence[Kernel], calls: int, device: Device) -> Cost:
        """The cost on a device."""
        return cls(np.array([device.seconds(each) for each in kernels], np.float64), calls)

    @property
    def graph_s(self) -> float:
        """As a graph."""
        return float(self.kernel_s.sum()) + GRAPH_KERNEL_S * len(self.kernel_s)

    @property
    def host_s(self) -> float:
        """The host's part, eagerly."""
        return LAUNCH_S * len(self.kernel_s) + CALL_S * max(self.calls - len(self.kernel_s), 0)


class Timeline:
    """One stream of one device: work starts when it is launched and all before it has ended.

    Attributes:
        end_s: when all that was launched has ended.
        busy_s: how long it has worked, by stage.
    """

    def __init__(self, device: Device, clock: VirtualClock) -> None:
        self.device, self.clock = device, clock
        self.end_s = 0.0
        self.busy_s: defaultdict[str, float] = defaultdict(float)

    def replay(self, cost: Cost, stage: str) -> None:
        """Launches a graph; the host goes on."""
        self.clock.add(REPLAY_S)
        self._work(cost.graph_s, stage)

    def launch(self, cost: Cost, stage: str) -> None:
        """Launches eager operations, one after another. A kernel cannot start before its launch."""
        count = len(cost.kernel_s)
        started_s = self.clock()
        self.clock.add(cost.host_s)
        if not count:
            return
        durations = cost.kernel_s + KERNEL_S
        launches = started_s + cost.host_s * np.arange(1, count + 1) / count
        left = np.cumsum(durations[::-1])[::-1]  # of each kernel, until the end of the last one
        self.end_s = float(max((launches + left).max(), self.end_s + left[0]))
        self.busy_s[stage] += float(left[0])

    def copy_in(self, size: int, stage: str) -> None:
        """Copies ``size`` bytes to the device; the host goes on."""
        self.clock.add(COPY_S)
        self._work(self.device.copy_s(size), stage)

    def copy_out(self, size: int, stage: str) -> None:
        """Begins a copy of ``size`` bytes to the host, which goes on."""
        self._work(self.device.copy_s(size), stage)
        self.clock.add(COPY_S)

    def read(self, size: int, stage: str) -> None:
        """Copies ``size`` bytes to the host, which waits."""
        self._work(self.device.copy_s(size), stage)
        self.wait()
        self.clock.add(COPY_S)

    def wait(self) -> None:
        """The host waits until all is done."""
        self.clock.wait_until(self.end_s)

    def _work(self, seconds: float, stage: str) -> None:
        self.end_s = max(self.end_s, self.clock()) + seconds
        self.busy_s[stage] += seconds
