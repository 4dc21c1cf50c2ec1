"""Input of a stream that may still be processed again."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from translate_svc.types import Samples

_BLOCK_SAMPLES = 8192


@dataclass(slots=True, eq=False)
class _Segment:
    """``length`` samples from position ``start`` on: the head of ``block``, or zeros without a block."""

    start: int
    length: int
    block: Samples | None

    @property
    def end(self) -> int:
        return self.start + self.length


class InputBuffer:
    """Raw samples by absolute position: appended at the end, read anywhere, discarded from the front.

    Chunks are copied into blocks, so a stream of tiny chunks uses no more memory than one of large chunks.
    Declared silence of at least one block is stored as its length alone.
    """

    def __init__(self, start: int = 0) -> None:
        self._segments: deque[_Segment] = deque()
        self._blocks = 0
        self._end = start

    @property
    def end(self) -> int:
        """Position after the last sample received."""
        return self._end

    @property
    def stored_samples(self) -> int:
        """Memory in use, in samples."""
        return self._blocks * _BLOCK_SAMPLES

    def append(self, samples: Samples) -> None:
        """Appends one chunk ``[n]``."""
        taken = 0
        while taken < len(samples):
            block, segment = self._open_block()
            count = min(len(block) - segment.length, len(samples) - taken)
            block[segment.length : segment.length + count] = samples[taken : taken + count]
            segment.length += count
            taken += count
            self._end += count

    def append_silence(self, samples: int) -> None:
        """Appends ``samples`` zeros."""
        if cost := self.silence_cost(samples):
            self.append(np.zeros(cost, dtype=np.float32))
            return
        if self._ends_in_silence():
            self._segments[-1].length += samples
        elif samples:
            self._segments.append(_Segment(self._end, samples, None))
        self._end += samples

    def silence_cost(self, samples: int) -> int:
        """Memory that ``append_silence`` would use, in samples."""
        return samples if samples < _BLOCK_SAMPLES and not self._ends_in_silence() else 0

    def read(self, start: int, end: int) -> Samples:
        """A copy of the samples ``[start, end)``. Raises ``IndexError`` unless all are present."""
        if self._segments:
            last = self._segments[-1]
            if last.block is not None and last.start <= start and end <= last.end:  # the usual case
                return last.block[start - last.start : end - last.start].copy()
        out = np.zeros(end - start, dtype=np.float32)
        missing = end - start
        for segment in reversed(self._segments):  # reads happen near the end
            low, high = max(start, segment.start), min(end, segment.end)
            if low < high:
                missing -= high - low
                if segment.block is not None:
                    offset = low - segment.start
                    out[low - start : high - start] = segment.block[offset : offset + high - low]
            if segment.start <= start:
                break
        if missing:
            raise IndexError("samples outside of the buffer")
        return out

    def silent_until(self, position: int) -> int:
        """End of the declared silence around ``position``; ``position`` itself if there is none."""
        for segment in reversed(self._segments):
            if segment.start <= position:
                return segment.end if segment.block is None and position < segment.end else position
        return position

    def discard_before(self, position: int) -> None:
        """Frees blocks that lie entirely before ``position``."""
        while self._segments and self._segments[0].end <= position:
            self._blocks -= self._segments.popleft().block is not None

    def _ends_in_silence(self) -> bool:
        return bool(self._segments) and self._segments[-1].block is None

    def _open_block(self) -> tuple[Samples, _Segment]:
        if self._segments:
            last = self._segments[-1]
            if last.block is not None and last.length < len(last.block):
                return last.block, last
        block = np.empty(_BLOCK_SAMPLES, dtype=np.float32)
        segment = _Segment(self._end, 0, block)
        self._segments.append(segment)
        self._blocks += 1
        return block, segment
