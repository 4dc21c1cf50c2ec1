"""Turns pieces of speech into waveforms: in windows of a few shapes where batches are faster, else one by
one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from translate_svc.errors import EngineError
from translate_svc.models.graphs.capture_count import CaptureCount
from translate_svc.models.graphs.cuda_graphs import GraphCapturer
from translate_svc.models.seamless.vocoder.receptive_field import ReceptiveField, receptive_field
from translate_svc.models.seamless.vocoder.vocoder import Vocoder, Voice
from translate_svc.models.seamless.vocoder.vocoder_graphs import VocoderGraphs
from translate_svc.models.seamless.vocoder.window import Window
from translate_svc.models.speech_model import NOT_FINITE
from translate_svc.models.staging import to_device, to_host
from translate_svc.types import SAMPLES_PER_UNIT, Samples

_NARROWEST_UNITS = 32
_MAX_ROWS = 8
"""Rows of a batch: the first pieces of this many texts fill a step's budget."""
_EXACT_UNITS = (25, 50, 100)
"""Lengths of pieces that a CPU computes without any window: most pieces of utterances have them."""
_CPU_WINDOW_UNITS = 8
"""On a CPU windows are multiples of this long, so that there are few shapes. A convolution of a new shape is
prepared first, which doubled the cost of hypotheses: their pieces have all lengths.
"""


@dataclass(frozen=True, slots=True, eq=False)
class VocoderInput:
    """Units ``[start, end)`` out of ``units``. All ``units`` are their context."""

    units: npt.NDArray[np.int64]
    start: int
    end: int
    voice: Voice


class PiecewiseVocoder:
    """Runs batches of pieces through a vocoder.

    A CPU computes each piece alone: a batch gains nothing there and does not fit into the CPU's caches. A
    piece of an unusual length gets a window that is a little longer, so that there are few shapes. On other
    devices, pieces of any length and position share batches, each in a window of 32, 64, 128, ... units.

    Args:
        vocoder: the loaded model.
        device: the vocoder's device.
    """

    def __init__(self, vocoder: Vocoder, device: torch.device) -> None:
        self._vocoder = vocoder
        self._device = device
        self._windows: dict[int, Window] = {}
        self._captured: VocoderGraphs | None = None

    def capture(self, capturer: GraphCapturer, count: CaptureCount) -> None:
        """Captures the windows that a service needs, in batches of 1, 2, 4 and 8. Not for a CPU.

        Raises:
            DeviceLost: the device's context is lost.
        """
        windows = [self._window(_NARROWEST_UNITS << doublings) for doublings in range(3)]
        self._captured = VocoderGraphs(self._vocoder, windows, _MAX_ROWS, capturer, self._device, count)

    def waveforms(self, pieces: Sequence[VocoderInput]) -> list[Samples | EngineError]:
        """One waveform for each piece, or an error if it is not finite."""
        if self._device.type == "cpu":
            return [_checked(self._alone(piece)) for piece in pieces]
        by_window: dict[int, list[int]] = {}
        for index, piece in enumerate(pieces):
            doublings = ((piece.end - piece.start - 1) // _NARROWEST_UNITS).bit_length()
            by_window.setdefault(_NARROWEST_UNITS << doublings, []).append(index)
        outcomes: dict[int, Samples | EngineError] = {}
        for units, indices in by_window.items():
            for first in range(0, len(indices), _MAX_ROWS):
                chosen = indices[first : first + _MAX_ROWS]
                made = self._windowed(self._window(units), [pieces[index] for index in chosen])
                outcomes |= dict(zip(chosen, map(_checked, made), strict=True))
        return [outcomes[index] for index in range(len(pieces))]

    def _alone(self, piece: VocoderInput) -> npt.NDArray[np.float32]:
        length = piece.end - piece.start
        if length in _EXACT_UNITS:
            part = receptive_field(piece.start, piece.end, len(piece.units), self._vocoder.config)
            return self._excerpt(piece.units[slice(*part.units)], piece.voice, part)
        window = self._window(-(-length // _CPU_WINDOW_UNITS) * _CPU_WINDOW_UNITS)
        if not window.hears_only_text(piece.start, piece.end, len(piece.units)):
            return self._windowed(window, [piece])[0]
        units = window.excerpt(piece.units, piece.start)
        return self._excerpt(units, piece.voice, window.part)[: length * SAMPLES_PER_UNIT]

    def _excerpt(
        self, units: npt.NDArray[np.int64], voice: Voice, part: ReceptiveField
    ) -> npt.NDArray[np.float32]:
        (waveform,) = self._vocoder(torch.from_numpy(units[None]), [voice], part)
        samples: npt.NDArray[np.float32] = waveform.numpy()
        return samples

    def _windowed(self, window: Window, pieces: Sequence[VocoderInput]) -> list[npt.NDArray[np.float32]]:
        rows = [
            window.row(piece.units, piece.start, piece.voice.language_id, piece.voice.speaker_id)
            for piece in pieces
        ]
        waveforms = self._run(window, torch.from_numpy(np.stack(rows))).numpy()
        lengths = [(piece.end - piece.start) * SAMPLES_PER_UNIT for piece in pieces]
        return [waveform[:length] for waveform, length in zip(waveforms, lengths, strict=True)]

    def _run(self, window: Window, rows: Tensor) -> Tensor:
        """The samples on the host."""
        if self._captured is not None and self._captured.has(window, len(rows)):
            return self._captured.run(window, rows)
        return to_host(self._vocoder.windowed(to_device(rows, self._device), window))

    def _window(self, units: int) -> Window:
        if units not in self._windows:
            self._windows[units] = Window.of(units, self._vocoder.config)
        return self._windows[units]


def _checked(waveform: npt.NDArray[np.float32]) -> Samples | EngineError:
    """A copy, so that the batch's memory can be freed."""
    return waveform.copy() if np.isfinite(waveform).all() else EngineError(NOT_FINITE)
