"""One piece of recorded work: where its inputs are prepared, and what replays it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from translate_svc.models.graphs.cuda_graphs import GraphCapturer


class GraphCaptureError(RuntimeError):
    """What was recorded computes something else than what it was recorded of."""


class CapturedGraph:
    """``work(inputs)``, which must not wait for the device, recorded for inputs of one shape.

    Args:
        inputs: what it is recorded with.
        work: gives the same tensor each time, with new content.
        record: see ``GraphCapturer``.
        device: where it computes.

    Attributes:
        inputs: on the host, to be filled before ``run``.

    Raises:
        RuntimeError: it cannot be recorded.
    """

    def __init__(
        self, inputs: Tensor, work: Callable[[Tensor], Tensor], record: GraphCapturer, device: torch.device
    ) -> None:
        self.inputs = inputs.pin_memory() if device.type == "cuda" else inputs
        self._there = self.inputs.to(device, copy=True)
        self._work = work
        self._replay = record(lambda: work(self._there))

    def run(self) -> Tensor:
        """The result on the host, once ``inputs`` are filled."""
        self._there.copy_(self.inputs, non_blocking=True)
        # the copy to the host waits for the device: nothing of this is still read when the next begins
        return self._replay().cpu()

    def both(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """What ``inputs`` (on the host) give, recorded and not: to see whether it is the same."""
        self.inputs.copy_(inputs)
        return self.run(), self._work(inputs.to(self._there.device)).cpu()


def doubled(first: int, last: int) -> list[int]:
    """``first`` and its doubles below ``last``, and ``last``."""
    sizes = []
    while first < last:
        sizes.append(first)
        first *= 2
    return [*sizes, last]


def at_least(sizes: Sequence[int], wanted: int) -> int:
    """The first of ascending ``sizes`` that is not below ``wanted``, which must not exceed the last."""
    return next(size for size in sizes if size >= wanted)
