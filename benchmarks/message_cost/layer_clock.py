"""Attributes the processor time of one thread to layers of the code that runs on it."""

from __future__ import annotations

import functools
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Generator
from typing import Any

_CALIBRATION_ENTRIES = 20_000


class LayerClock:
    """A stack of layers; the time of the thread belongs to the topmost one.

    Entering and leaving a layer costs time itself. ``calibrate`` measures how much of it falls into the layer
    and how much into the one below, and ``times_us`` takes both out.
    """

    def __init__(self, base: str) -> None:
        """``base``: the layer of whatever runs outside of all others."""
        self._time_ns: Counter[str] = Counter()
        self._entries: Counter[tuple[str, str]] = Counter()
        self._layer = base
        self._since_ns = time.thread_time_ns()
        self._inside_ns = self._outside_ns = 0.0

    def enter(self, layer: str) -> str:
        """Returns the layer below, for ``leave``."""
        now_ns = time.thread_time_ns()
        below = self._layer
        self._time_ns[below] += now_ns - self._since_ns
        self._entries[layer, below] += 1
        self._layer = layer
        self._since_ns = time.thread_time_ns()
        return below

    def leave(self, below: str) -> None:
        """Goes back to the layer below."""
        now_ns = time.thread_time_ns()
        self._time_ns[self._layer] += now_ns - self._since_ns
        self._layer = below
        self._since_ns = time.thread_time_ns()

    def times_us(self) -> dict[str, float]:
        """Processor time of each layer so far, without what the clock itself costs."""
        self.leave(self._layer)
        times_us = {layer: time_ns / 1000 for layer, time_ns in self._time_ns.items()}
        for (layer, below), entries in self._entries.items():
            times_us[layer] = times_us.get(layer, 0.0) - entries * self._inside_ns / 1000
            times_us[below] = times_us.get(below, 0.0) - entries * self._outside_ns / 1000
        return times_us

    def entries(self) -> dict[str, int]:
        """How often each layer was entered: a coroutine enters at each of its steps."""
        counts: Counter[str] = Counter()
        for (layer, _), entries in self._entries.items():
            counts[layer] += entries
        return dict(counts)

    def calibrate(self) -> None:
        """Measures what an entry costs. Call it once, before anything is counted."""

        def nothing() -> None:
            pass

        probed = self.function("calibration: inside", nothing)
        below = self.enter("calibration: outside")
        for _ in range(_CALIBRATION_ENTRIES):
            probed()
        self.leave(below)
        below = self.enter("calibration: bare")
        for _ in range(_CALIBRATION_ENTRIES):
            nothing()
        self.leave(below)
        inside_ns, outside_ns, bare_ns = (
            self._time_ns.pop(f"calibration: {name}") for name in ("inside", "outside", "bare")
        )
        self._inside_ns = inside_ns / _CALIBRATION_ENTRIES
        self._outside_ns = max(0.0, outside_ns - bare_ns) / _CALIBRATION_ENTRIES
        self._entries.clear()

    # ------------------------------------------------------------------ what belongs to a layer

    def function(self, layer: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """``function``, with its time counted."""

        @functools.wraps(function)
        def counted(*arguments: Any, **keywords: Any) -> Any:
            below = self.enter(layer)
            try:
                return function(*arguments, **keywords)
            finally:
                self.leave(below)

        return counted

    def coroutine(self, layer: str, function: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
        """A coroutine function, with the time of its steps counted, but not its waits."""

        @functools.wraps(function)
        async def counted(*arguments: Any, **keywords: Any) -> Any:
            return await self.awaitable(layer, function(*arguments, **keywords))

        return counted

    def awaitable(self, layer: str, waited_for: Awaitable[Any]) -> Awaitable[Any]:
        """``waited_for``, with the time of its steps counted."""
        return _Steps(self, layer, waited_for.__await__())


class _Steps:
    """Runs a coroutine step by step."""

    def __init__(self, clock: LayerClock, layer: str, steps: Generator[Any, Any, Any]) -> None:
        self._clock = clock
        self._layer = layer
        self._steps = steps

    def __await__(self) -> _Steps:
        return self

    __iter__ = __await__

    def __next__(self) -> Any:
        below = self._clock.enter(self._layer)
        try:
            return next(self._steps)
        finally:
            self._clock.leave(below)

    def send(self, value: Any) -> Any:
        """As of a generator."""
        below = self._clock.enter(self._layer)
        try:
            return self._steps.send(value)
        finally:
            self._clock.leave(below)

    def throw(self, *error: Any) -> Any:
        """As of a generator."""
        below = self._clock.enter(self._layer)
        try:
            return self._steps.throw(*error)
        finally:
            self._clock.leave(below)

    def close(self) -> None:
        """As of a generator."""
        self._steps.close()
