"""Processor cores that threads take in turns."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

Work = Generator[simpy.Event, Any, None]

_SLICE_S = 0.003
"""So long a thread keeps a core while others wait: Linux's default for a few threads."""


class Machine:
    """``cores`` equal cores. ``busy_s``: processor time that was used, by the name of who used it."""

    def __init__(self, env: simpy.Environment, cores: int) -> None:
        self._env = env
        self._cores = simpy.Resource(env, cores)
        self.busy_s: dict[str, float] = {}

    def compute(self, name: str, seconds: float) -> Work:
        """Takes so much processor time, as soon as cores are free."""
        left_s = seconds
        while left_s > 0:
            with self._cores.request() as core:
                yield core
                part_s = left_s if not self._cores.queue else min(left_s, _SLICE_S)
                yield self._env.timeout(part_s)
            left_s -= part_s
        self.busy_s[name] = self.busy_s.get(name, 0.0) + seconds
