"""Log-mel frames that were computed before. Plain data, without torch.

A frame depends on its own 25 ms alone, so frames outlive the encoding that they were computed for. Features
that are normalised over the whole waveform are computed from them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True, eq=False)
class LogMelFrames:
    """The first frames of a waveform, before normalisation.

    Attributes:
        values: ``[frames * mel_bins]``, float64; frame after frame.
        mel_bins: values of a frame.
        hop_samples: from the start of one frame to the start of the next.
    """

    values: npt.NDArray[np.float64]
    mel_bins: int
    hop_samples: int

    def __len__(self) -> int:
        return len(self.values) // self.mel_bins

    def after(self, samples: int) -> LogMelFrames | None:
        """The frames of the waveform without its first ``samples``; None if it had other frames."""
        frames, rest = divmod(samples, self.hop_samples)
        if rest or not 0 <= frames < len(self):
            return None
        return LogMelFrames(self.values[frames * self.mel_bins :], self.mel_bins, self.hop_samples)


@dataclass(slots=True, eq=False)
class LogMelMemory:
    """Carries frames into an encoding and out of it.

    Attributes:
        frames: before the encoding those of the waveform's beginning that are known, afterwards all of them;
            None if there are none.
    """

    frames: LogMelFrames | None = None
