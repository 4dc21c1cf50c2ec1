"""Work on the rows of a batch, captured as CUDA graphs for a few batch sizes."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import torch
from torch import Tensor

from translate_svc.models.graphs.captured_graph import CapturedGraph, at_least, doubled
from translate_svc.models.graphs.cuda_graphs import GraphCapturer


class BatchGraphs:
    """Several pieces of work, each under a key, captured for 1, 2, 4, ... rows.

    Args:
        max_rows: the largest batch.
        capturer: captures a graph, see ``GraphCapturer``.
        device: computes the work.
    """

    def __init__(self, max_rows: int, capturer: GraphCapturer, device: torch.device) -> None:
        self._max_rows = max_rows
        self._counts = doubled(1, max_rows)
        self._capturer, self._device = capturer, device
        self._captured: dict[tuple[Hashable, int], CapturedGraph] = {}

    def __len__(self) -> int:
        return len(self._captured)

    def add(
        self,
        key: Hashable,
        work: Callable[[Tensor], Tensor],
        *,
        idle: Tensor,
        others: Tensor,
        check: Callable[[Tensor, Tensor], None],
    ) -> None:
        """Captures ``work`` and checks the captured graphs.

        Add the largest work first, because the graphs of the rest then fit into its memory.

        Args:
            key: the name that ``run`` uses.
            work: maps rows to rows, see ``CapturedGraph``.
            idle: the row (on the host) that fills the batch during capture.
            others: ``max_rows`` rows (on the host) for the check.
            check: gets the results for these rows, from the graph and from ``work`` itself. It raises if
                they differ too much.

        Raises:
            RuntimeError: the capture failed. Any error of ``check`` is raised too.
        """
        for count in reversed(self._counts):
            captured = CapturedGraph(torch.stack([idle] * count), work, self._capturer, self._device)
            self._captured[key, count] = captured
            check(*captured.both(others[:count]))

    def has(self, key: Hashable, rows: int) -> bool:
        """Whether ``run`` can take this many rows."""
        return rows <= self._max_rows and (key, 1) in self._captured

    def run(self, key: Hashable, rows: Tensor) -> Tensor:
        """``work(rows)``, with ``rows`` and the result on the host."""
        captured = self._captured[key, at_least(self._counts, len(rows))]
        captured.inputs[: len(rows)] = rows  # other rows keep old content; their results are unused
        return captured.run()[: len(rows)]
