"""Processes that make the steps of a GPU beside it: one takes a core about as long as an H100 trains on it,
0.1 s.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.sharedctypes import Synchronized
from queue import Empty
from typing import Any

import numpy as np
import torch
from torch import multiprocessing

from training.starter.learning.step_inputs import StepInputs, StepSource
from training.starter.learning.workers import Worker

_STEPS_AHEAD = 4
"""Of each loader: made, and not taken yet. A loader that is so far ahead waits."""
_LOOK_S = 10.0
_PROCESSES = multiprocessing.get_context("spawn")


def shared_seconds() -> Synchronized[float]:
    """A number that the trainer writes and its loaders read."""
    value: Synchronized[float] = _PROCESSES.Value("d", 0.0)
    return value


@contextmanager
def loaded(
    like: StepSource, count: int, seed: Sequence[int], spent_s: Synchronized[float]
) -> Iterator[Iterator[StepInputs]]:
    """Steps as `like` draws them, by `count` processes, each with shards of its own.

    `spent_s`: of the schedule's budget; the trainer keeps it up to date. A process that ends ends the run.
    """
    queue = _PROCESSES.Queue(_STEPS_AHEAD * count)
    processes = []
    for index in range(count):
        rng = np.random.default_rng([2, *seed, index])
        made_of = (like.work, like.schedule, like.device_type, rng, Worker(index, count))
        processes.append(_PROCESSES.Process(target=_load, args=(made_of, spent_s, queue), daemon=True))
        processes[-1].start()
    try:
        yield _taken(queue, processes)
    finally:
        for process in processes:
            process.terminate()


def _taken(queue: Any, processes: list[Any]) -> Iterator[StepInputs]:
    while True:
        try:
            yield queue.get(timeout=_LOOK_S)
        except Empty:
            if not all(process.is_alive() for process in processes):
                raise RuntimeError("a loader has ended; its output says why") from None


def _load(made_of: tuple[Any, ...], spent_s: Synchronized[float], queue: Any) -> None:
    torch.set_num_threads(1)
    source = StepSource(*made_of)
    for inputs in source.steps(lambda: spent_s.value):
        queue.put(inputs)
