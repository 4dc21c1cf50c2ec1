"""Work on the rows of a batch, captured as CUDA graphs for a few batch sizes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable

import torch
from torch import Tensor

from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.graphs.captured_graph import CapturedGraph, doubled
from translate_svc.models.graphs.cuda_graphs import GraphCapturer


class BatchGraphs:
    """Several pieces of work, each under a key, captured for 1, 2, 4, ... rows.

    Args:
        max_rows: the largest batch.
        capturer: captures a graph, see ``GraphCapturer``.
        device: computes the work.
        count: counts the graphs.
    """

    def __init__(
        self, max_rows: int, capturer: GraphCapturer, device: torch.device, count: CaptureCount
    ) -> None:
        self._row_counts = doubled(1, max_rows)
        self._capturer, self._device, self._count = capturer, device, count
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
        """Captures ``work`` and checks the captured graphs. One that fails is left out.

        Add the largest work first, because the graphs of the rest then fit into its memory.

        Args:
            key: the name that ``run`` uses.
            work: maps rows to rows, see ``CapturedGraph``.
            idle: the row (on the host) that fills the batch during capture.
            others: rows (on the host) for the check. No batch has more rows than these.
            check: gets the results for these rows, from the graph and from ``work`` itself. It raises if
                they differ too much.

        Raises:
            DeviceLost: the device's context is lost.
        """
        for rows in (each for each in reversed(self._row_counts) if each <= len(others)):
            self._count.attempt(
                f"{key}, {rows} rows,", functools.partial(self._capture, key, rows, work, idle, others, check)
            )

    def _capture(
        self,
        key: Hashable,
        rows: int,
        work: Callable[[Tensor], Tensor],
        idle: Tensor,
        others: Tensor,
        check: Callable[[Tensor, Tensor], None],
    ) -> None:
        captured = CapturedGraph(torch.stack([idle] * rows), work, self._capturer, self._device)
        check(*captured.both(others[:rows]))
        self._captured[key, rows] = captured

    def has(self, key: Hashable, rows: int) -> bool:
        """Whether ``run`` can take this many rows."""
        return self._fitting(key, rows) is not None

    def run(self, key: Hashable, rows: Tensor) -> Tensor:
        """``work(rows)``, with ``rows`` and the result on the host. Only where ``has`` says so."""
        captured = self._fitting(key, len(rows))
        assert captured is not None, "the caller asks ``has`` first"
        captured.inputs[: len(rows)] = rows  # other rows keep old content; their results are unused
        return captured.run()[: len(rows)]

    def run_there(self, key: Hashable, rows: Tensor) -> Tensor:
        """As ``run``, with the result on the device. Nothing waits."""
        captured = self._fitting(key, len(rows))
        assert captured is not None, "the caller asks ``has`` first"
        return captured.run_there(rows)

    def _fitting(self, key: Hashable, rows: int) -> CapturedGraph | None:
        """The smallest graph that holds ``rows`` rows."""
        roomy = (self._captured.get((key, count)) for count in self._row_counts if count >= rows)
        return next((each for each in roomy if each is not None), None)
