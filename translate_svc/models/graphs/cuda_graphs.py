"""Work of fixed shapes, recorded once as a CUDA graph and replayed: hundreds of kernels for one start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

_WARM_UP_RUNS = 2
"""What libraries do at a first call (choosing kernels, taking workspace) cannot be recorded."""


class GraphCapturer(Protocol):
    """Makes of ``function()``, which reads and writes tensors that stay where they are, one that does the
    same again and gives the same tensor, with new content. ``function`` must not wait for the device.

    Raises:
        RuntimeError: it cannot be recorded.
    """

    def __call__(self, function: Callable[[], Tensor]) -> Callable[[], Tensor]: ...


class CudaGraphs:
    """Records on ``device``. All recordings share a pool of memory: what one gives holds until the next one
    is replayed.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        # one for all, warming up included: libraries keep a workspace a stream, which capturing cannot take
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """See ``GraphCapturer``."""
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
    """None where there is nothing to gain: on a CPU a kernel starts at once."""
    return CudaGraphs(device) if device.type == "cuda" else None
