"""Work on the rows of a batch, recorded for batches of few sizes."""

from __future__ import annotations

from collections.abc import Callable, Hashable

import torch
from torch import Tensor

from translate_svc.models.graphs.captured_graph import CapturedGraph, at_least, doubled
from translate_svc.models.graphs.cuda_graphs import GraphCapturer


class BatchGraphs:
    """Several pieces of work, each by a key, recorded for 1, 2, 4, ... rows.

    Args:
        max_rows: of a batch.
        record: see ``GraphCapturer``.
        device: where it is computed.
    """

    def __init__(self, max_rows: int, record: GraphCapturer, device: torch.device) -> None:
        self._max_rows = max_rows
        self._counts = doubled(1, max_rows)
        self._record, self._device = record, device
        self._recordings: dict[tuple[Hashable, int], CapturedGraph] = {}

    def __len__(self) -> int:
        return len(self._recordings)

    def add(
        self,
        key: Hashable,
        work: Callable[[Tensor], Tensor],
        *,
        idle: Tensor,
        others: Tensor,
        check: Callable[[Tensor, Tensor], None],
    ) -> None:
        """Records ``work`` and compares it; the largest work first, for the rest fits into its memory.

        Args:
            key: by which it is run.
            work: see ``CapturedGraph``; of rows to rows.
            idle: a row (on the host) that is recorded with.
            others: ``max_rows`` rows (on the host) that it is compared with.
            check: takes what these give, recorded and not, and raises where they differ too much.

        Raises:
            RuntimeError: it cannot be recorded, or whatever ``check`` raises.
        """
        for count in reversed(self._counts):
            recording = CapturedGraph(torch.stack([idle] * count), work, self._record, self._device)
            self._recordings[key, count] = recording
            check(*recording.both(others[:count]))

    def has(self, key: Hashable, rows: int) -> bool:
        """Whether as many rows can be run."""
        return rows <= self._max_rows and (key, 1) in self._recordings

    def run(self, key: Hashable, rows: Tensor) -> Tensor:
        """``work(rows)`` from the host and back to it."""
        recording = self._recordings[key, at_least(self._counts, len(rows))]
        recording.inputs[: len(rows)] = rows  # what other rows still hold is computed for nobody
        return recording.run()[: len(rows)]
