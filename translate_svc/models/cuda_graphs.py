"""Work of fixed shapes, recorded once as a CUDA graph and replayed: hundreds of kernels for one start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

_WARM_UP_RUNS = 2
"""What libraries do at a first call (choosing kernels, taking workspace) cannot be recorded."""


class Recorder(Protocol):
    """Makes of ``function()``, which reads and writes tensors that stay where they are, one that does the
    same again and gives the same tensor, with new content. ``function`` must not wait for the device.

    Raises:
        RuntimeError: it cannot be recorded.
    """

    def __call__(self, function: Callable[[], Tensor]) -> Callable[[], Tensor]: ...


class CudaGraphs:
    """Records on the current device. All recordings share a pool of memory: what one gives holds until the
    next one is replayed.
    """

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        """See ``Recorder``."""
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UP_RUNS):
                function()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            result = function()

        def replay() -> Tensor:
            graph.replay()
            return result

        return replay


def recorder_of(device: torch.device) -> Recorder | None:
    """None where there is nothing to gain: on a CPU a kernel starts at once."""
    return CudaGraphs() if device.type == "cuda" else None
