"""Which utterances an accelerator encodes together, and how far they are padded. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_ROWS = 8
_ROWS = (1, 2, 4, MAX_ROWS)
_FINE, _COARSE, _FINE_UP_TO = 64, 128, 512
_MOST_CAPTURED = 1_024
"""Frames, 20 s. A longer utterance fills a GPU by itself, so starting its kernels one by one costs little."""
_MOST_BATCH_FRAMES = 2_048
"""Frames of all rows of a batch, 41 s. More gains no speed, and all texts would wait for it."""
_START_FRAMES = 1_536
"""Frames that a GPU could compute in the time that any batch takes, however small: measured on an H100, 7 ms
and 4.5 us a frame.
"""


@dataclass(frozen=True, slots=True)
class SpeechBatch:
    """``indices`` of the utterances, and the number of ``frames`` that all of them are padded to."""

    indices: tuple[int, ...]
    frames: int


def bucket_frames(frames: int) -> int:
    """``frames``, padded to a multiple of 64; above 512 of 128."""
    step = _FINE if frames <= _FINE_UP_TO else _COARSE
    return -(-frames // step) * step


def row_limit(frames: int) -> int:
    """The most rows of a batch of a bucket: 8, 4, 2 or 1."""
    rows = MAX_ROWS
    while rows > 1 and rows * frames > _MOST_BATCH_FRAMES:
        rows //= 2
    return rows


def captured_frames(most: int) -> tuple[int, ...]:
    """The buckets that are captured for utterances of up to ``most`` frames, the shortest first."""
    last = min(bucket_frames(most), _MOST_CAPTURED)
    return tuple(each for each in range(_FINE, last + 1, _FINE) if each == bucket_frames(each))


def captured_shapes(most: int) -> list[tuple[int, int]]:
    """Frames and rows of each batch that is captured."""
    return [(frames, rows) for frames in captured_frames(most) for rows in _ROWS if rows <= row_limit(frames)]


def batches_of(frames: Sequence[int]) -> list[SpeechBatch]:
    """Divides utterances of so many ``frames`` into batches, the longest first. Each is in one of them.

    An utterance shares a batch with those nearest in length. Of all such divisions into batches of 1, 2, 4
    and 8 rows it is the one that costs least in all.
    """
    order = sorted(range(len(frames)), key=lambda index: -frames[index])
    count = len(order)
    cheapest = [(0, 0)] * (count + 1)  # by the first that is left: the cost of the rest, the rows to take
    for first in reversed(range(count)):
        bucket = bucket_frames(frames[order[first]])
        cheapest[first] = min(
            (_START_FRAMES + rows * bucket + cheapest[min(first + rows, count)][0], rows)
            for rows in _ROWS
            if rows <= row_limit(bucket) and rows < 2 * (count - first)
        )
    batches, first = list[SpeechBatch](), 0
    while first < count:
        rows = cheapest[first][1]
        batches.append(SpeechBatch(tuple(order[first : first + rows]), bucket_frames(frames[order[first]])))
        first += rows
    return batches
