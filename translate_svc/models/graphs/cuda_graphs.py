"""Captures work of fixed shapes once as a CUDA graph. A replay starts hundreds of kernels in one launch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

_WARM_UP_RUNS = 2
"""Libraries choose kernels and allocate workspace at a first call. A capture cannot contain that."""


class GraphCapturer(Protocol):
    """Turns ``function()`` into a function that repeats the same work.

    ``function`` reads and writes tensors that stay at their addresses, and must not wait for the device. The
    new function returns the same tensor each time, with new content.

    Raises:
        RuntimeError: the capture failed.
    """

    def __call__(self, function: Callable[[], Tensor]) -> Callable[[], Tensor]: ...


class CudaGraphs:
    """Captures CUDA graphs on ``device``.

    All graphs share a pool of memory: the result of one is valid until the next one is replayed.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        # one stream for all, also for warm-up: libraries keep a workspace per stream, and a capture cannot
        # allocate it
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """Warms ``function`` up and captures it, as ``GraphCapturer`` specifies."""
        with torch.cuda.device(self._device):
            self._stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self._stream):
                for _ in range(_WARM_UP_RUNS):
                    function()
            torch.cuda.current_stream().wait_stream(self._stream)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
                result = function()

        def replay() -> Tensor:
            graph.replay()
            return result

        return replay


def graph_capturer(device: torch.device) -> GraphCapturer | None:
    """The capturer for ``device``. None on a CPU: kernels start at once there, so graphs gain nothing."""
    return CudaGraphs(device) if device.type == "cuda" else None
