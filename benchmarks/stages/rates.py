"""How fast this machine multiplies and reads."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
from torch import nn

from benchmarks.stages.floors import Rates
from translate_svc.models.linear.packed_linear import PackedLinear

_ROUNDS = 7
_FRAMES, _HIDDEN, _INNER = 512, 512, 2048
_READ_FLOATS = 1 << 27


@torch.inference_mode()
def measure_rates() -> Rates:
    """The product at its best (512 x 512 by 512 x 2048) and a plain sum over half a gibibyte; medians."""
    product, states = PackedLinear(nn.Linear(_HIDDEN, _INNER)), torch.randn(_FRAMES, _HIDDEN)
    data = torch.ones(_READ_FLOATS)
    flop_s = _median_s(lambda: [product(states) for _ in range(8)]) / 8
    read_s = _median_s(lambda: data.sum())
    return Rates(2 * _FRAMES * _HIDDEN * _INNER / flop_s, 4 * _READ_FLOATS / read_s)


def _median_s(run: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return statistics.median(times)
