"""What every voice activity detector of this package looks like: a pure, batched step over frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from translate_svc.types import Samples

Float32Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class VadFrame:
    """One frame of one stream, shape ``[512]`` at 16 kHz.

    ``restart`` is set on the first frame of a frame grid: the detector's state of this stream is to be
    cleared before the frame is judged.
    """

    samples: Samples
    restart: bool


class FrameVad(Protocol):
    """Judges one frame of each of N streams in one call; keeps nothing between calls.

    A stream's state is one opaque float32 row of ``state_size`` numbers; zeros are the state of a stream that
    has heard nothing. Row n of the answer depends on row n of the input alone, within 1e-5.
    """

    @property
    def state_size(self) -> int:
        """Length of a stream's state row."""

    def step(self, frames: Float32Array, states: Float32Array) -> tuple[Float32Array, Float32Array]:
        """Judge ``frames`` ``[N, 512]`` with ``states`` ``[N, state_size]``.

        Returns the speech probabilities ``[N]``, within [0, 1], and the states after the frames.
        """
