"""Times matrix products of given sizes with random weights, on this CPU."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from translate_svc.models.linear.packed_linear import PackedLinear
from translate_svc.models.precision import Precision

_ROUNDS = 5
_LAYERS = 3
"""Layers with weights of their own, one after the other: weights that stay in the processor's caches would
make a decode step look faster than it is."""

Shape = tuple[int, int]
"""Inputs and outputs of a product."""


def stack_s(shapes: Sequence[Shape], rows: int, precision: Precision) -> float:
    """Seconds of one layer: a product of each shape, ``rows`` rows of states. Each at its fastest."""
    layers = [[_product(shape, precision) for shape in shapes] for _ in range(_LAYERS)]
    states = {inputs: torch.randn(rows, inputs).to(precision.compute) for inputs, _ in shapes}

    fastest = [[float("inf")] * len(shapes) for _ in layers]
    for _ in range(_ROUNDS + 1):
        for layer, best in zip(layers, fastest, strict=True):
            for place, product in enumerate(layer):
                started = time.perf_counter()
                product(states[shapes[place][0]])
                best[place] = min(best[place], time.perf_counter() - started)
    return sum(map(sum, fastest)) / _LAYERS


def _product(shape: Shape, precision: Precision) -> PackedLinear:
    inputs, outputs = shape
    with torch.device("meta"):
        layer = nn.Linear(inputs, outputs, bias=False)
    if precision.int8_products:
        weight = torch.randint(-127, 128, (outputs, inputs), dtype=torch.int8)
        layer.register_buffer("weight_scale", torch.full((outputs,), 1e-3))
    else:
        weight = noise((outputs, inputs)).to(precision.compute)
    layer.weight = nn.Parameter(weight, requires_grad=False)
    return PackedLinear(layer)


def noise(shape: Sequence[int]) -> Tensor:
    """Small random numbers."""
    return torch.empty(tuple(shape)).uniform_(-0.03, 0.03)


def fastest_s(run: Callable[[], object]) -> float:
    """The fastest of some runs: what other programs take meanwhile is no part of it."""
    times = []
    for _ in range(_ROUNDS + 1):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times[1:])
