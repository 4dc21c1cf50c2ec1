"""The frames between two commit points of a stream."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from translate_svc.audio.resampler import Resampler, resampled_length
from translate_svc.types import FRAME_SAMPLES, INTERNAL_SAMPLE_RATE_HZ, Samples

_SILENCE_FLOOR_DBFS = -120.0


class FrameGrid:
    """Raw input from one exact input sample on, resampled to 16 kHz and laid out in frames of 512 samples.

    Everything in it depends on the input from ``origin`` on alone, never on how that was chunked. Frames
    count from 0 at the origin. Those already taken are kept until ``discard_before``, to make utterances of.
    """

    def __init__(self, origin: int, input_rate_hz: int) -> None:
        self.origin = origin
        self.frames_taken = 0
        self._input_rate_hz = input_rate_hz
        self._resampler = Resampler(input_rate_hz, INTERNAL_SAMPLE_RATE_HZ)
        self._cursor = origin
        self._flushed = False
        self._waiting: deque[Samples] = deque()  # resampled, not yet in frames
        self._waiting_samples = 0
        self._frames: deque[Samples] = deque()  # taken, not yet discarded
        self._first_kept_frame = 0

    @property
    def cursor(self) -> int:
        """Input position up to which the grid has been fed."""
        return self._cursor

    @property
    def flushed(self) -> bool:
        """No more input will come: ``cursor`` is the grid's exact end."""
        return self._flushed

    def feed(self, samples: Samples) -> None:
        """Take the input that follows the cursor, at the input rate."""
        self._cursor += len(samples)
        self._enqueue(self._resampler.push(samples))

    def flush(self) -> None:
        """The input ends at the cursor."""
        self._flushed = True
        self._enqueue(self._resampler.flush())

    def take_frame(self) -> Samples | None:
        """The next frame, shape ``[512]``; after ``flush`` the last one is padded with zeros. None if
        incomplete.
        """
        if self._waiting_samples < FRAME_SAMPLES and (not self._flushed or not self._waiting_samples):
            return None
        count = min(self._waiting_samples, FRAME_SAMPLES)
        frame = np.zeros(FRAME_SAMPLES, dtype=np.float32)
        filled = 0
        while filled < count:
            piece = self._waiting.popleft()
            used = min(len(piece), count - filled)
            frame[filled : filled + used] = piece[:used]
            filled += used
            if used < len(piece):
                self._waiting.appendleft(piece[used:])
        self._waiting_samples -= count
        self._frames.append(frame)
        self.frames_taken += 1
        return frame

    def position_of(self, frame: int) -> int:
        """Input position at which ``frame`` starts: the nearest sample, halves up, and never past the cursor.

        After ``flush``, what starts where the output ends starts at the cursor exactly.
        """
        if self._flushed and frame * FRAME_SAMPLES >= self._total_samples():
            return self._cursor
        return min(self.origin + frames_to_input(frame, self._input_rate_hz), self._cursor)

    def samples_between(self, start_frame: int, end_frame: int) -> Samples:
        """A copy of frames ``[start_frame, end_frame)`` at 16 kHz, without the padding of the last frame."""
        first = start_frame - self._first_kept_frame
        if first < 0 or end_frame > self.frames_taken:
            raise IndexError("frames outside of the grid")
        length = (end_frame - start_frame) * FRAME_SAMPLES
        if self._flushed:
            length = min(length, self._total_samples() - start_frame * FRAME_SAMPLES)
        kept = [self._frames[index] for index in range(first, end_frame - self._first_kept_frame)]
        return np.concatenate(kept)[:length]

    def discard_before(self, frame: int) -> None:
        """Forget the frames before ``frame``."""
        while self._first_kept_frame < min(frame, self.frames_taken):
            self._frames.popleft()
            self._first_kept_frame += 1

    def _total_samples(self) -> int:
        return resampled_length(self._cursor - self.origin, self._input_rate_hz, INTERNAL_SAMPLE_RATE_HZ)

    def _enqueue(self, samples: Samples) -> None:
        if len(samples):
            self._waiting.append(samples)
            self._waiting_samples += len(samples)


def frames_to_input(frames: int, input_rate_hz: int) -> int:
    """Input samples that ``frames`` frames span: the nearest whole number, halves rounded up."""
    return resampled_length(frames * FRAME_SAMPLES, INTERNAL_SAMPLE_RATE_HZ, input_rate_hz)


def level_dbfs(frame: Samples) -> float:
    """The level of one frame."""
    exact = frame.astype(np.float64)
    mean_square = float(exact @ exact) / len(exact)
    return 10.0 * math.log10(mean_square) if mean_square > 1e-12 else _SILENCE_FLOOR_DBFS
