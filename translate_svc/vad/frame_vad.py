"""The interface of voice activity detectors: a pure, batched step over frames."""

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

    ``restart`` is set on the first frame of a frame grid: the stream's state must be cleared before this
    frame is scored.
    """

    samples: Samples
    restart: bool


class FrameVad(Protocol):
    """Scores one frame of each of N streams per call; keeps no state between calls.

    A stream's state is one opaque float32 row of ``state_size`` numbers. Zeros are the state of a new stream.
    Row n of the output depends only on row n of the input, within 1e-5.
    """

    @property
    def state_size(self) -> int:
        """Length of a stream's state row."""

    def step(self, frames: Float32Array, states: Float32Array) -> tuple[Float32Array, Float32Array]:
        """Scores ``frames`` ``[N, 512]``, given ``states`` ``[N, state_size]``.

        Returns the speech probabilities ``[N]``, within [0, 1], and the states after the frames.
        """
