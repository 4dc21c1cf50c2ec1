"""Makes one channel of several, and notices recordings with one speaker on each side."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from translate_svc.audio.audio_tracks import Channel
from translate_svc.types import Samples

_ACTIVE_DBFS = -50.0
_APART_DB = 15.0
_MIN_ACTIVE_BLOCKS = 20
_MIN_SHARE = 0.15
_MIN_APART_SHARE = 0.6
_MAX_ALIKE_SHARE = 0.05


class SideMixer:
    """Takes blocks of the left and the right channel, and returns the wanted one or their mean.

    It counts in which blocks only one side is heard. Calls are often recorded with a party on each side.
    Mixed, people who speak at the same time cannot be understood.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._active_blocks = 0
        self._left_blocks = 0
        self._right_blocks = 0

    @property
    def speakers_are_apart(self) -> bool:
        """Whether so far each side was often heard alone, as in a call recorded in stereo."""
        needed = _MIN_SHARE * self._active_blocks
        return (
            self._active_blocks >= _MIN_ACTIVE_BLOCKS
            and min(self._left_blocks, self._right_blocks) >= needed
            and self._left_blocks + self._right_blocks >= _MIN_APART_SHARE * self._active_blocks
        )

    @property
    def sides_are_alike(self) -> bool:
        """Whether so far hardly anything was heard on one side alone, as in a film or with one microphone."""
        return (
            self._active_blocks >= _MIN_ACTIVE_BLOCKS
            and self._left_blocks + self._right_blocks <= _MAX_ALIKE_SHARE * self._active_blocks
        )

    def mix(self, sides: npt.NDArray[np.float32]) -> Samples:
        """``sides``: ``[2, n]``, n at least 1. Returns ``[n]``."""
        self._count(sides)
        if self._channel is Channel.LEFT:
            return np.ascontiguousarray(sides[0])
        if self._channel is Channel.RIGHT:
            return np.ascontiguousarray(sides[1])
        # FFmpeg would weight both by 0.71: voices in the middle of a loud film would be clipped
        mixed: Samples = sides.mean(axis=0, dtype=np.float32)
        return mixed

    def _count(self, sides: npt.NDArray[np.float32]) -> None:
        left_db, right_db = 10 * np.log10(np.square(sides, dtype=np.float64).mean(axis=1) + 1e-12)
        if max(left_db, right_db) < _ACTIVE_DBFS:
            return
        self._active_blocks += 1
        self._left_blocks += bool(left_db - right_db >= _APART_DB)
        self._right_blocks += bool(right_db - left_db >= _APART_DB)
