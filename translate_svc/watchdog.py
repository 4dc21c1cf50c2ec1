"""Detects an engine that hangs."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

FIRST_STEP_FACTOR = 4
"""How many times longer the first step may take: a device loads and selects kernels on their first call."""


class WatchedEngine(Protocol):
    """The engine as the watchdog sees it. ``engine.async_engine.AsyncEngine`` implements it."""

    last_step_started: float | None

    @property
    def steps(self) -> int:
        """Steps finished so far."""

    def abandon(self, reason: str) -> None:
        """Declares the engine lost."""


class Watchdog:
    """Declares an engine lost when one of its steps takes longer than ``step_timeout_s``.

    Nothing can interrupt a running computation or free the memory that it uses. Only a new process helps.
    """

    def __init__(self, engine: WatchedEngine, step_timeout_s: float) -> None:
        self._engine = engine
        self._step_timeout_s = step_timeout_s

    async def run(self) -> None:
        """Returns once the engine has been declared lost. Cancel it to stop watching."""
        while not (reason := self._hang_reason()):  # noqa: ASYNC110 - a thread that hangs sets no event
            await asyncio.sleep(self._step_timeout_s / 8)
        self._engine.abandon(reason)

    def _hang_reason(self) -> str:
        """Why the engine counts as hung; empty while it does not."""
        started_s = self._engine.last_step_started
        limit_s = self._step_timeout_s * (1 if self._engine.steps else FIRST_STEP_FACTOR)
        if started_s is None or time.monotonic() - started_s < limit_s:
            return ""
        return f"a step takes longer than {limit_s:g} s"
