"""One captured CUDA graph: the tensor for its inputs, and the function that replays it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.graphs.host_copy import HostCopy
from translate_svc.models.staging import staged, to_host


class GraphCaptureError(RuntimeError):
    """A captured graph does not compute the same as the work it was captured from."""


class CapturedGraph:
    """``work(inputs)``, captured for inputs of one shape. ``work`` must not wait for the device.

    Args:
        inputs: the inputs during capture.
        work: returns the same tensor each time, with new content.
        capturer: captures a graph, see ``GraphCapturer``.
        device: computes the work.

    Attributes:
        inputs: a tensor on the host. Fill it before ``run``.

    Raises:
        RuntimeError: the capture failed.
    """

    def __init__(
        self, inputs: Tensor, work: Callable[[Tensor], Tensor], capturer: GraphCapturer, device: torch.device
    ) -> None:
        self.inputs = staged(inputs, device)
        self._there = self.inputs.to(device, copy=True)
        self._work = work
        self._replay = capturer(lambda: work(self._there))

    def run(self) -> Tensor:
        """The result on the host. Fill ``inputs`` first."""
        self._there.copy_(self.inputs, non_blocking=True)
        # the copy to the host waits for the device, so this run reads nothing any more when the next begins
        return to_host(self._replay())

    def run_there(self, rows: Tensor) -> Tensor:
        """The results of the first rows, for ``rows`` on the host. A copy on the device; waits for nothing.

        ``inputs`` has no part in it. The other rows keep what they had.
        """
        self._there[: len(rows)].copy_(staged(rows, self._there.device), non_blocking=True)
        return self._replay()[: len(rows)].clone()

    def launch(self, inputs: Tensor) -> HostCopy:
        """Begins a run with ``inputs`` (on the host, pinned if the device is CUDA), and waits for nothing.

        ``inputs`` must not change any more. Several runs may be under way: the device does them in order.
        """
        self._there.copy_(inputs, non_blocking=True)
        return HostCopy(self._replay())

    def both(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """The results for ``inputs`` (on the host) from the graph and from ``work``, to compare them."""
        self.inputs.copy_(inputs)
        return self.run(), self._work(inputs.to(self._there.device)).cpu()


def doubled(first: int, last: int) -> list[int]:
    """``first``, its doubles below ``last``, and ``last``."""
    sizes = []
    while first < last:
        sizes.append(first)
        first *= 2
    return [*sizes, last]
