"""An event loop whose clock is the audio's: computing takes no time on it, waiting takes none of yours.

Between timers the clock stands still however long the engine works. When nothing is left to compute, it jumps
to the next timer. Audio that is sent by this clock shows what the policy alone costs (computation-unaware):
the moments at which results arrive are the same on every machine.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

_POLL_S = 0.02


class _Selector(selectors.DefaultSelector):
    loop: AudioClockLoop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return self.loop.wait(super().select, timeout)


class AudioClockLoop(asyncio.SelectorEventLoop):
    """Runs on the wall clock outside of ``audio_time``, on the audio's inside of it.

    Work for an executor is done on the spot, so the engine's thread is the only one to wait for.
    """

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self._now_s = 0.0
        self._computing: Callable[[], bool] | None = None
        super().__init__(selector)

    def time(self) -> float:
        """Seconds on this clock."""
        return self._now_s

    @contextmanager
    def audio_time(self, computing: Callable[[], bool]) -> Iterator[None]:
        """``computing`` tells whether the engine still has something to do or to deliver."""
        self._computing = computing
        try:
            yield
        finally:
            self._computing = None

    def wait(
        self,
        select: Callable[[float | None], list[tuple[selectors.SelectorKey, int]]],
        timeout_s: float | None,
    ) -> list[tuple[selectors.SelectorKey, int]]:
        """What the selector does: events of sockets and threads, or time that passes."""
        if timeout_s is not None and timeout_s <= 0:
            return select(0)
        if self._computing is None or timeout_s is None:
            started_s = time.monotonic()
            ready = select(timeout_s)
            self._now_s += time.monotonic() - started_s
            return ready
        # in this order: what was computed before the question has already woken the selector
        if self._computing():
            return select(_POLL_S)
        if ready := select(0):
            return ready
        self._now_s += timeout_s
        return []

    def run_in_executor(  # type: ignore[override]
        self, executor: Executor | None, func: Callable[..., T], *args: Any
    ) -> asyncio.Future[T]:
        """Calls ``func`` now."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future
