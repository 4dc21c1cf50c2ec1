"""Vocoder windows, recorded for batches of few sizes."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from translate_svc.models.cuda_graphs import Recorder
from translate_svc.models.recording import Recording, RecordingError, at_least, doubled
from translate_svc.models.vocoder import Vocoder
from translate_svc.models.window import Window

_TOLERANCE = 0.05
"""Between samples of a recorded window and the same unrecorded: another kernel may round to TF32."""

_log = logging.getLogger(__name__)


class RecordedWindows:
    """``Vocoder.windowed`` for some windows, in batches of 1, 2, 4, ... rows.

    Args:
        vocoder: its weights must stay where they are.
        windows: of different ``piece_units``.
        max_rows: of a batch.
        record: see ``Recorder``.
        device: where the vocoder is.

    Raises:
        RuntimeError: a window cannot be recorded, or what was recorded computes something else
            (``RecordingError``).
    """

    def __init__(
        self,
        vocoder: Vocoder,
        windows: Sequence[Window],
        max_rows: int,
        record: Recorder,
        device: torch.device,
    ) -> None:
        self._vocoder = vocoder
        self._row_counts = doubled(1, max_rows)
        self._recordings: dict[tuple[int, int], Recording] = {}
        started_s = time.monotonic()
        for window in sorted(windows, key=lambda each: -each.piece_units):  # as RecordedSteps: largest first
            for count in reversed(self._row_counts):
                idle = torch.from_numpy(np.stack([_silence(window)] * count))
                recording = Recording(idle, self._work(window), record, device)
                self._recordings[window.piece_units, count] = recording
                self._check(window, count)
        seconds = time.monotonic() - started_s
        _log.info("recorded %d windows of the vocoder in %.1f s", len(self._recordings), seconds)

    def has(self, window: Window) -> bool:
        """Whether it was recorded."""
        return (window.piece_units, 1) in self._recordings

    def run(self, window: Window, rows: Tensor) -> Tensor:
        """As ``Vocoder.windowed``, from the host and back to it; up to ``max_rows`` rows."""
        recording = self._recordings[window.piece_units, at_least(self._row_counts, len(rows))]
        recording.inputs[: len(rows)] = rows  # whatever the other rows still hold is vocoded for nobody
        return recording.run()[: len(rows)]

    def _work(self, window: Window) -> Callable[[Tensor], Tensor]:
        return lambda inputs: self._vocoder.windowed(inputs, window)

    def _check(self, window: Window, count: int) -> None:
        """Units of one text each, in the midst of it and at its ends."""
        units = np.arange(window.piece_units + 3) % self._vocoder.unit_embedding.num_embeddings
        rows = torch.from_numpy(np.stack([window.row(units, row % 4, 0, 0) for row in range(count)]))
        recorded, plain = self._recordings[window.piece_units, count].both(rows)
        error = float((recorded - plain).abs().max())
        if not error <= _TOLERANCE:
            raise RecordingError(f"a recorded window of {window.piece_units} units is off by {error:.2g}")


def _silence(window: Window) -> np.ndarray:
    return window.row(np.zeros(1, np.int64), 0, 0, 0)
