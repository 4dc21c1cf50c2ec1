"""Part D: live streams with small and large steps, and with an event loop that is busy."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from benchmarks.gpu import parts
from benchmarks.gpu.first.card import sampled
from benchmarks.gpu.first.place import Place
from translate_svc.engine.options import CPU_BUDGETS, GPU_BUDGETS, StepBudgets

_BUDGETS = {"GPU": GPU_BUDGETS, "CPU": CPU_BUDGETS}
_LOOP_BUSY = 0.6


def probes(place: Place) -> dict[str, Callable[[], dict[str, Any]]]:
    """A run for each number of streams with a GPU's budgets, one beside a busy loop, one with a CPU's.

    What is worth most comes first.
    """
    few, many = min(place.shapes.streams), max(place.shapes.streams)
    runs = [(count, "GPU", 0.0) for count in place.shapes.streams]
    runs += [(many, "GPU", _LOOP_BUSY), (few, "CPU", 0.0)]
    return {
        f"{count} streams, budgets of a {budgets}, loop busy {busy:.0%}": (
            functools.partial(_run, place, count, _BUDGETS[budgets], busy)
        )
        for count, budgets, busy in runs
    }


def _run(place: Place, count: int, budgets: StepBudgets, busy: float) -> dict[str, Any]:
    with sampled(place) as seen:
        figures = parts.streams(place.bench, count, place.shapes.live_s, budgets=budgets, loop_busy=busy)
    return figures | seen
