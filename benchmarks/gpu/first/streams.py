"""Part D: live streams with small and large steps, and with an event loop that is busy."""

from __future__ import annotations

import contextlib
import functools
import shutil
import statistics
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.gpu import parts
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
    with _utilization(place) as sampled:
        figures = parts.streams(place.bench, count, place.shapes.live_s, budgets=budgets, loop_busy=busy)
    return figures | sampled


@contextlib.contextmanager
def _utilization(place: Place) -> Iterator[dict[str, Any]]:
    """Share of the time in which some kernel ran, as nvidia-smi sees it: an upper bound of the busy share."""
    figures: dict[str, Any] = {}
    command = shutil.which("nvidia-smi") if place.is_cuda else None
    if command is None:
        yield figures
        return
    asked = [command, "--query-gpu=utilization.gpu", "--format=csv,noheader,nounits", "-lms", "200"]
    sampler = subprocess.Popen(asked, stdout=subprocess.PIPE, text=True)
    try:
        yield figures
    finally:
        sampler.terminate()
        said, _ = sampler.communicate()
        samples = [int(line) for line in said.split() if line.isdigit()]
        if samples:
            figures["utilization, %"] = round(statistics.mean(samples), 1)
