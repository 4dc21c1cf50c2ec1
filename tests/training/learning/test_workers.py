"""The clock of training: a busy machine, or a sleep, costs a CPU's budget nothing."""

from __future__ import annotations

import time

import torch

from training.starter.learning.workers import clock


def test_a_cpu_is_charged_for_its_work_alone() -> None:
    work, wall = clock(torch.device("cpu")), clock("cuda")
    before = work(), wall()
    time.sleep(0.3)
    slept = work() - before[0]
    assert slept < 0.1
    assert wall() - before[1] >= 0.3
    begun = work()
    while work() - begun < 0.05:
        torch.ones(200, 200) @ torch.ones(200, 200)
    assert wall() - before[1] >= 0.34
