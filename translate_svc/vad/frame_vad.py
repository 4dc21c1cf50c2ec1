"""The interface of voice activity detectors: a pure, batched step over frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from translate_svc.types import Samples

Float32Array = npt.NDArray[np.float32]


MAX_FRAMES_AT_ONCE = 8
"""Most frames of one stream that are scored in one go: 1 to 2 ms, for which frames of others may wait."""


@dataclass(frozen=True, slots=True, eq=False)
class VadFrames:
    """Frames of one stream that follow one another, shape ``[n, 512]`` at 16 kHz, n at most
    ``MAX_FRAMES_AT_ONCE``.

    ``restart`` is set if the first one is the first of a frame grid that is scored: the stream's state must
    be cleared before it.
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
