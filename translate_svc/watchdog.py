"""Notices an engine that hangs."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

FIRST_STEP_FACTOR = 4
"""The first step may take so many times longer: a device loads its kernels, and chooses among them, when they
are first called.
"""


class Watched(Protocol):
    """What is watched; ``engine.async_engine.AsyncEngine``."""

    last_step_started: float | None

    @property
    def steps(self) -> int:
        """Steps finished so far."""

    def abandon(self, reason: str) -> None:
        """Gives the engine up for lost."""


class Watchdog:
    """Gives an engine up whose step takes longer than ``step_timeout_s``.

    A computation cannot be interrupted from outside, and the memory that it works on cannot be taken from it:
    only a new process helps.
    """

    def __init__(self, engine: Watched, step_timeout_s: float) -> None:
        self._engine = engine
        self._step_timeout_s = step_timeout_s

    async def run(self) -> None:
        """Returns once the engine has been given up; to be cancelled otherwise."""
        while not (reason := self._hang()):  # noqa: ASYNC110 - a thread that hangs says nothing
            await asyncio.sleep(self._step_timeout_s / 8)
        self._engine.abandon(reason)

    def _hang(self) -> str:
        """What is wrong; empty while nothing is."""
        started_s = self._engine.last_step_started
        limit_s = self._step_timeout_s * (1 if self._engine.steps else FIRST_STEP_FACTOR)
        if started_s is None or time.monotonic() - started_s < limit_s:
            return ""
        return f"a step takes longer than {limit_s:g} s"
