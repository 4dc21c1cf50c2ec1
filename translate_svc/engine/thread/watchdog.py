"""Detects an engine that hangs, or is too slow to serve anybody."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

FIRST_STEP_FACTOR = 4
"""How many times longer the first step may take: a device loads and selects kernels on their first call."""
SLOW_SHARE = 0.1
"""Steps that take more than this share of the limit on average are too slow. A step decodes one token of each
text, and people say four or five a second.
"""
SLOW_TIMEOUTS = 4
"""An engine that is that slow is lost after this many limits of work."""


class WatchedEngine(Protocol):
    """The engine as the watchdog sees it. ``engine.async_engine.AsyncEngine`` implements it."""

    @property
    def last_step_started(self) -> float | None:
        """Start of the running step, in seconds on the clock of the steps; None between steps."""

    @property
    def step_s(self) -> float:
        """Time that the finished steps took, in seconds."""

    @property
    def steps(self) -> int:
        """Steps finished so far."""

    def abandon(self, reason: str) -> None:
        """Declares the engine lost."""


class Watchdog:
    """Declares an engine lost when a step hangs, or when steps end but are too slow to serve anybody.

    * A step takes longer than ``step_timeout_s``.
    * During ``SLOW_TIMEOUTS * step_timeout_s`` seconds of work, steps take longer than ``SLOW_SHARE *
      step_timeout_s`` on average. Without this, an engine whose every step stays just below the limit would
      keep its streams waiting forever. Only time in steps counts: an engine without work is not slow.

    Nothing can interrupt a running computation or free the memory that it uses. Only a new process helps.
    """

    def __init__(
        self, engine: WatchedEngine, step_timeout_s: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``clock``: that of ``WatchedEngine.last_step_started``."""
        self._engine = engine
        self._step_timeout_s = step_timeout_s
        self._clock = clock
        self._looks: deque[tuple[float, int]] = deque()  # time in steps and their number, oldest first

    async def run(self) -> None:
        """Returns once the engine has been declared lost. Cancel it to stop watching."""
        while not (reason := self._hang_reason() or self._slow_reason()):  # noqa: ASYNC110 - a thread that hangs sets no event
            await asyncio.sleep(self._step_timeout_s / 8)
        self._engine.abandon(reason)

    def _hang_reason(self) -> str:
        """Why the engine counts as hung; empty while it does not."""
        started_s = self._engine.last_step_started
        limit_s = self._step_timeout_s * (1 if self._engine.steps else FIRST_STEP_FACTOR)
        if started_s is None or self._clock() - started_s < limit_s:
            return ""
        return f"a step takes longer than {limit_s:g} s"

    def _slow_reason(self) -> str:
        """Why the engine counts as too slow; empty while it does not. The first step does not count."""
        worked_s, steps = self._engine.step_s, self._engine.steps
        if not steps or (self._looks and worked_s - self._looks[-1][0] < self._step_timeout_s / 8):
            return ""
        self._looks.append((worked_s, steps))
        window_s = SLOW_TIMEOUTS * self._step_timeout_s
        while len(self._looks) > 1 and worked_s - self._looks[1][0] >= window_s:
            self._looks.popleft()
        window_s, limit_s = worked_s - self._looks[0][0], SLOW_SHARE * self._step_timeout_s
        count = steps - self._looks[0][1]
        if window_s < SLOW_TIMEOUTS * self._step_timeout_s or window_s <= count * limit_s:
            return ""
        return f"{count} steps took {window_s:.1f} s: more than {limit_s:g} s a step is too slow"
