"""Data-parallel training on a few CPU cores: a single-thread process a core, gradients averaged by gloo."""

from __future__ import annotations

import argparse
import os
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, multiprocessing


@dataclass(frozen=True, slots=True)
class Worker:
    """One of `count` processes that train the same weights."""

    index: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        return self.index == 0

    def average_gradients(self, parameters: Sequence[torch.Tensor], elapsed_s: float) -> float:
        """Replaces every gradient by its mean over the workers; returns worker 0's `elapsed_s` to all."""
        if self.count == 1:
            return elapsed_s
        parts = [torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in parameters]
        clock = torch.tensor([elapsed_s * self.count if self.leads else 0.0])
        flat = torch.cat([*parts, clock])
        distributed.all_reduce(flat)
        flat /= self.count
        offset = 0
        for parameter in parameters:
            parameter.grad = flat[offset : offset + parameter.numel()].view_as(parameter)
            offset += parameter.numel()
        return float(flat[-1])


def clock(device: torch.device | str) -> Callable[[], float]:
    """Seconds of this process's work. On a CPU these are of its processor time, so that a busy machine makes
    training longer, not shorter; a worker has a single thread.
    """
    return time.process_time if torch.device(device).type == "cpu" else time.monotonic


@contextmanager
def joined(index: int, count: int) -> Iterator[Worker]:
    """Pins a worker of several to a core and joins the group, which waits while worker 0 evaluates."""
    torch.set_num_threads(1)
    if count > 1:
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[index % len(cores)]})
        distributed.init_process_group("gloo", rank=index, world_size=count, timeout=timedelta(minutes=30))
    try:
        yield Worker(index, count)
    finally:
        if count > 1:
            distributed.destroy_process_group()


def spawn(target: Callable[[int, argparse.Namespace], None], arguments: argparse.Namespace) -> None:
    """Runs `target(index, arguments)` in `arguments.workers` processes; one runs in the caller's."""
    if arguments.workers == 1:
        target(0, arguments)
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(probe.getsockname()[1])}
    multiprocessing.spawn(target, (arguments,), arguments.workers)  # type: ignore[attr-defined,no-untyped-call]
