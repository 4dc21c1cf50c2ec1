"""What a GPU can do, and how long a kernel takes there.

Peaks are those that NVIDIA publishes, dense, without sparsity: the data sheets of H200 SXM and H100 SXM
(4.8 and 3.35 TB/s; 989 TFLOP/s bfloat16, 494 TF32, 67 float32, 34 float64; 132 multiprocessors) and of L4
(300 GB/s; 121, 60, 30.3 and 0.47 TFLOP/s; 58 multiprocessors). No kernel reaches a peak. The constants below
say which shares kernels reach and how long launches take. Where they say so they were measured on an H100 SXM
in a virtual machine, November 2026 (benchmarks/results/gpu_first.json); the others are assumed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import torch

_BANDWIDTH_SHARE = 0.87
"""Measured."""
_ATTENTION_BANDWIDTH_SHARE = 0.25
"""Of attention with a bias, by the memory-efficient kernel. Measured: 1 query of 64 keys, 768 of 768."""
_MATMUL_SHARE = 0.7
_CONVOLUTION_SHARE = 0.2
"""A one-dimensional convolution is a flat product: cuDNN reaches less with it than with images."""
_SIMT_SHARE = 0.25
"""Of the float32 peak, in kernels without tensor cores, such as depthwise convolutions."""
_TILE_ROWS, _TILE_COLUMNS, _FEWEST_ROWS, _FEWEST_COLUMNS = 128, 128, 64, 32
_SPLIT = 256
"""A product with too few tiles for the multiprocessors is split along its sum, down to so many terms."""

KERNEL_S = 4.7e-6
"""Start and end of a kernel, during which neither memory nor arithmetic is busy: a layer norm of 8 rows takes
3.4 us.
"""
GRAPH_KERNEL_S = 4.0e-6
"""The same inside a CUDA graph, whose next kernel is known. Measured: the rest of a decode step of 8 rows."""
LAUNCH_S = 12e-6
"""The host's time for an eager operation that launches a kernel: Python, dispatcher and driver. Measured: 11
to 20 us.
"""
CALL_S = 2e-6
"""The host's time for an operation without a kernel, such as a view."""
REPLAY_S = 12e-6
"""The host's time to launch a graph."""
COPY_S = 28e-6
"""The latency of a copy from or to pinned memory, and the host's time for it. Measured."""
_LINK_BYTES_S = 25e9


class Kind(Enum):
    """What a kernel computes."""

    MEMORY = "memory"
    MATMUL = "matmul"
    ATTENTION = "attention"
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
        share = _ATTENTION_BANDWIDTH_SHARE if kernel.kind is Kind.ATTENTION else _BANDWIDTH_SHARE
        memory_s = kernel.bytes / (self.bytes_s * share)
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
