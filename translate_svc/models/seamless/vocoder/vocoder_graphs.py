"""Vocoder windows, captured as CUDA graphs for a few batch sizes."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from translate_svc.models.graphs.batch_graphs import BatchGraphs
from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.graphs.captured_graph import GraphCaptureError
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.seamless.vocoder.vocoder import Vocoder
from translate_svc.models.seamless.vocoder.window import Window

_TOLERANCE = 0.05
"""Largest difference between samples of a captured window and of the same window run eagerly: another kernel
may round to TF32.
"""

_log = logging.getLogger(__name__)


class VocoderGraphs:
    """``Vocoder.windowed`` for some windows, in batches of 1, 2, 4, ... rows.

    Args:
        vocoder: its weights must stay at their addresses.
        windows: each with a different ``piece_units``.
        max_rows: the largest batch.
        capturer: captures a graph, see ``GraphCapturer``.
        device: the vocoder's device.
        count: counts the graphs.

    Raises:
        DeviceLost: the device's context is lost.
    """

    def __init__(
        self,
        vocoder: Vocoder,
        windows: Sequence[Window],
        max_rows: int,
        capturer: GraphCapturer,
        device: torch.device,
        count: CaptureCount,
    ) -> None:
        self._batches = BatchGraphs(max_rows, capturer, device, count)
        started_s = time.monotonic()
        for window in sorted(windows, key=lambda each: each.piece_units, reverse=True):
            self._add(vocoder, window, max_rows)
        seconds = time.monotonic() - started_s
        _log.info("captured %d windows of the vocoder in %.1f s", len(self._batches), seconds)

    def has(self, window: Window, rows: int) -> bool:
        """Whether ``window`` was captured for this many rows, or more."""
        return self._batches.has(window.piece_units, rows)

    def run(self, window: Window, rows: Tensor) -> Tensor:
        """The same as ``Vocoder.windowed``, with ``rows`` and result on the host; up to ``max_rows`` rows."""
        return self._batches.run(window.piece_units, rows)

    def _add(self, vocoder: Vocoder, window: Window, max_rows: int) -> None:
        """Captures one window. The check uses pieces from the middle of a text and from its ends."""

        def check(captured: Tensor, plain: Tensor) -> None:
            error = float((captured - plain).abs().max())
            if not error <= _TOLERANCE:
                raise GraphCaptureError(
                    f"a captured window of {window.piece_units} units is off by {error:.2g}"
                )

        units = np.arange(window.piece_units + 3) % vocoder.unit_embedding.num_embeddings
        others = np.stack([window.row(units, row % 4, 0, 0) for row in range(max_rows)])
        self._batches.add(
            window.piece_units,
            lambda rows: vocoder.windowed(rows, window),
            idle=torch.from_numpy(window.row(np.zeros(1, np.int64), 0, 0, 0)),
            others=torch.from_numpy(others),
            check=check,
        )
