"""What a GPU can do, and how long a kernel takes there.

Peaks are those that NVIDIA publishes, dense, without sparsity: the data sheets of H200 SXM and H100 SXM
(4.8 and 3.35 TB/s; 989 TFLOP/s bfloat16, 494 TF32, 67 float32, 34 float64; 132 multiprocessors) and of L4
(300 GB/s; 121, 60, 30.3 and 0.47 TFLOP/s; 58 multiprocessors). No kernel reaches a peak. The shares that
kernels are assumed to reach, and the times of launches, are the constants below: none was measured here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import torch

_BANDWIDTH_SHARE = 0.87
_MATMUL_SHARE = 0.7
_CONVOLUTION_SHARE = 0.2
"""A one-dimensional convolution is a flat product: cuDNN reaches less with it than with images."""
_SIMT_SHARE = 0.25
"""Of the float32 peak, in kernels without tensor cores, such as depthwise convolutions."""
_TILE_ROWS, _TILE_COLUMNS, _FEWEST_ROWS, _FEWEST_COLUMNS = 128, 128, 64, 32
_SPLIT = 256
"""A product with too few tiles for the multiprocessors is split along its sum, down to so many terms."""

KERNEL_S = 2.0e-6
"""Start and end of a kernel, during which neither memory nor arithmetic is busy."""
GRAPH_KERNEL_S = 1.3e-6
"""The same inside a CUDA graph, whose next kernel is known."""
LAUNCH_S = 6e-6
"""The host's time for an eager operation that launches a kernel: Python, dispatcher and driver."""
CALL_S = 2e-6
"""The host's time for an operation without a kernel, such as a view."""
REPLAY_S = 12e-6
"""The host's time to launch a graph."""
COPY_S = 8e-6
"""The latency of a copy from or to pinned memory, and the host's time for it."""
_LINK_BYTES_S = 25e9


class Kind(Enum):
    """What a kernel computes."""

    MEMORY = "memory"
    MATMUL = "matmul"
    CONVOLUTION = "convolution"
    SIMT = "simt"


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel. ``rows``, ``columns`` and ``terms``: of the product that it is; 0 for other kinds."""

    name: str
    kind: Kind
    dtype: torch.dtype
    bytes: int
    flops: int = 0
    rows: int = 0
    columns: int = 0
    terms: int = 0


@dataclass(frozen=True, slots=True)
class Device:
    """Published peaks of one card, per second."""

    name: str
    bytes_s: float
    flops_s: dict[torch.dtype, float]
    multiprocessors: int

    def seconds(self, kernel: Kernel) -> float:
        """How long it runs, without its start and end: as its memory or its arithmetic takes longer."""
        memory_s = kernel.bytes / (self.bytes_s * _BANDWIDTH_SHARE)
        return max(memory_s, kernel.flops / self._rate(kernel)) if kernel.flops else memory_s

    def copy_s(self, size: int) -> float:
        """How long a copy between host and device takes after its latency."""
        return size / _LINK_BYTES_S

    def _rate(self, kernel: Kernel) -> float:
        if kernel.kind is Kind.SIMT:
            return self.flops_s[torch.float64 if kernel.dtype is torch.float64 else torch.float] * _SIMT_SHARE
        peak = self.flops_s.get(kernel.dtype, self.flops_s[torch.float])
        if kernel.kind is Kind.CONVOLUTION:
            if kernel.dtype is torch.float:
                peak = self.flops_s[torch.bfloat16] / 2  # TF32, PyTorch's default for convolutions
            return peak * _CONVOLUTION_SHARE * self._filled(kernel)
        return peak * _MATMUL_SHARE * self._filled(kernel)

    def _filled(self, kernel: Kernel) -> float:
        """The part of the multiplications that tiles and waves of multiprocessors leave useful."""
        if not kernel.rows:
            return 1.0
        height = max(_FEWEST_ROWS, min(_TILE_ROWS, kernel.rows))
        width = max(_FEWEST_COLUMNS, min(_TILE_COLUMNS, kernel.columns))
        blocks = math.ceil(kernel.rows / height) * math.ceil(kernel.columns / width)
        inside = kernel.rows * kernel.columns / (blocks * height * width)
        if blocks < self.multiprocessors:
            splits = min(math.ceil(kernel.terms / _SPLIT), self.multiprocessors // blocks)
            blocks *= max(1, splits)
        waves = math.ceil(blocks / self.multiprocessors)
        return inside * blocks / (waves * self.multiprocessors)


def _hopper(name: str, bytes_s: float) -> Device:
    peaks = {torch.bfloat16: 989e12, torch.float16: 989e12, torch.float: 67e12, torch.float64: 34e12}
    return Device(name, bytes_s, peaks, 132)


DEVICES = {
    "h200": _hopper("H200", 4.8e12),
    "h100": _hopper("H100", 3.35e12),
    "l4": Device(
        "L4",
        300e9,
        {torch.bfloat16: 121e12, torch.float16: 121e12, torch.float: 30.3e12, torch.float64: 0.47e12},
        58,
    ),
}
"""By the name that the command takes."""
