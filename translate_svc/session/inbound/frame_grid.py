"""The frames between two commit points of a stream."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from translate_svc.audio.resampler import Resampler, resampled_length
from translate_svc.types import FRAME_SAMPLES, INTERNAL_SAMPLE_RATE_HZ, Samples

_SILENCE_FLOOR_DBFS = -120.0


class FrameGrid:
    """Raw input from one exact input sample on, resampled to 16 kHz and split into frames of 512 samples.

    Frames depend only on the input from ``origin`` on, never on how it was chunked. They are numbered from 0
    at the origin. Taken frames are kept until ``discard_before``: utterances are made of them.
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
        """Input position after the last sample pushed."""
        return self._cursor

    @property
    def flushed(self) -> bool:
        """Whether the input has ended; ``cursor`` is then the exact end of the grid."""
        return self._flushed

    def push(self, samples: Samples) -> None:
        """Appends samples ``[n]`` at the input rate; they follow the cursor."""
        self._cursor += len(samples)
        self._enqueue(self._resampler.push(samples))

    def flush(self) -> None:
        """Ends the input at the cursor."""
        self._flushed = True
        self._enqueue(self._resampler.flush())

    def take_frame(self) -> Samples | None:
        """The next frame ``[512]``, or None while it is incomplete. After ``flush`` the last one is padded
        with zeros.
        """
        if self._waiting_samples < FRAME_SAMPLES and (not self._flushed or not self._waiting_samples):
            return None
        count = min(self._waiting_samples, FRAME_SAMPLES)
        frame = np.zeros(FRAME_SAMPLES, dtype=np.float32)
        filled = 0
        while filled < count:
            block = self._waiting.popleft()
            used = min(len(block), count - filled)
            frame[filled : filled + used] = block[:used]
            filled += used
            if used < len(block):
                self._waiting.appendleft(block[used:])
        self._waiting_samples -= count
        self._frames.append(frame)
        self.frames_taken += 1
        return frame

    def position_of(self, frame: int) -> int:
        """Input position at which ``frame`` starts: the nearest sample, halves up, at most the cursor.

        After ``flush`` the frame after the last one starts exactly at the cursor.
        """
        if self._flushed and frame * FRAME_SAMPLES >= self._total_samples():
            return self._cursor
        return min(self.origin + frames_to_input(frame, self._input_rate_hz), self._cursor)

    def samples_between(self, start_frame: int, end_frame: int) -> Samples:
        """A copy of frames ``[start_frame, end_frame)`` at 16 kHz, without the padding zeros of the last."""
        first = start_frame - self._first_kept_frame
        if first < 0 or end_frame > self.frames_taken:
            raise IndexError("frames outside of the grid")
        length = (end_frame - start_frame) * FRAME_SAMPLES
        if self._flushed:
            length = min(length, self._total_samples() - start_frame * FRAME_SAMPLES)
        kept = [self._frames[index] for index in range(first, end_frame - self._first_kept_frame)]
        return np.concatenate(kept)[:length]

    def discard_before(self, frame: int) -> None:
        """Drops the frames before ``frame``."""
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
    """The RMS level of one frame in dBFS, -120 at the least."""
    exact = frame.astype(np.float64)
    mean_square = float(exact @ exact) / len(exact)
    return 10.0 * math.log10(mean_square) if mean_square > 1e-12 else _SILENCE_FLOOR_DBFS
