"""Makes one channel of several, and notices recordings with one speaker on each side."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from translate_svc.audio.audio_tracks import Channel
from translate_svc.types import Samples

_ACTIVE_DBFS = -50.0
_LOUDER_DB = 6.0
_MIN_ACTIVE_BLOCKS = 20
_MIN_LOUDER_SHARE = 0.1
_MAX_SAME_WAVES = 0.5
_OUT_OF_PHASE, _IN_PHASE = 16.0, 4.0
"""Ratios of powers. Sound in the middle of a film must not be lost to ambience that is out of phase."""
_PIECE_SAMPLES = 2_048
_MAX_SAME_LEVELS, _MIN_ALIKE_LEVELS = 0.6, 0.9


class Downmix:
    """The mean of two channels, over all blocks of one stream.

    Where a channel has the polarity of the other turned round, as of a miswired cable, their mean is silence,
    and what was said is lost. There half of their difference is taken.
    """

    def __init__(self) -> None:
        self._right = 1.0

    def mix(self, sides: npt.NDArray[np.float32]) -> Samples:
        """``sides``: ``[2, n]``. Returns ``[n]``."""
        starts = range(0, max(sides.shape[1], 1), _PIECE_SAMPLES)
        pieces = [self._mix(sides[:, start : start + _PIECE_SAMPLES]) for start in starts]
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)

    def _mix(self, sides: npt.NDArray[np.float32]) -> Samples:
        before, self._right = self._right, self._weight_of_right(sides)
        if before == self._right == 1.0:
            # FFmpeg would weight both by 0.71: voices in the middle of a loud film would be clipped
            mixed: Samples = sides.mean(axis=0, dtype=np.float32)
            return mixed
        # a step of the weight would be heard as a click
        weights = np.linspace(before, self._right, sides.shape[1], dtype=np.float32)
        turned: Samples = (sides[0] + weights * sides[1]) / np.float32(2)
        return turned

    def _weight_of_right(self, sides: npt.NDArray[np.float32]) -> float:
        """1 or -1. Near the bound, and in digital silence, it stays what it is."""
        middle, difference = (
            float(np.vdot(each, each)) for each in (sides[0] + sides[1], sides[0] - sides[1])
        )
        if difference > _OUT_OF_PHASE * middle:
            return -1.0
        return 1.0 if middle > difference / _IN_PHASE else self._right


class SideMixer:
    """Takes blocks of the left and the right channel, and returns the wanted one or their mean.

    It correlates the two: their waves, and the levels of their blocks. Calls are often recorded with a party
    on each side. Mixed, people who speak at the same time cannot be understood.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._downmix = Downmix()
        self._active_blocks = 0
        self._louder_blocks = np.zeros(2)
        self._waves = np.zeros((2, 2))  # sums of products of samples
        self._levels = np.zeros(2)
        self._squared_levels = np.zeros((2, 2))  # sums of products of levels

    @property
    def speakers_are_apart(self) -> bool:
        """Whether so far each side had a speaker of its own, as in a call recorded in stereo.

        One voice in two microphones has the same levels on both sides, though its waves differ by a delay; a
        film has much in the middle. Of two people each is the louder one at times, also with an echo of the
        other.
        """
        return (
            self._active_blocks >= _MIN_ACTIVE_BLOCKS
            and float(self._louder_blocks.min()) >= _MIN_LOUDER_SHARE * self._active_blocks
            and abs(_correlation(self._waves)) <= _MAX_SAME_WAVES
            and self._same_levels <= _MAX_SAME_LEVELS
        )

    @property
    def sides_are_alike(self) -> bool:
        """Whether so far both sides were loud and quiet together, as in a film or with one microphone."""
        same = self._same_levels >= _MIN_ALIKE_LEVELS or _correlation(self._waves) > _MAX_SAME_WAVES
        return self._active_blocks >= _MIN_ACTIVE_BLOCKS and same

    @property
    def _same_levels(self) -> float:
        means = self._levels / max(self._active_blocks, 1)
        return _correlation(self._squared_levels / max(self._active_blocks, 1) - np.outer(means, means))

    def mix(self, sides: npt.NDArray[np.float32]) -> Samples:
        """``sides``: ``[2, n]``, n at least 1. Returns ``[n]``."""
        self._count(sides)
        if self._channel is Channel.LEFT:
            return np.ascontiguousarray(sides[0])
        if self._channel is Channel.RIGHT:
            return np.ascontiguousarray(sides[1])
        return self._downmix.mix(sides)

    def _count(self, sides: npt.NDArray[np.float32]) -> None:
        samples = sides.astype(np.float64)
        products = samples @ samples.T
        levels = np.sqrt(np.diag(products) / samples.shape[1])
        left_db, right_db = 20 * np.log10(levels + 1e-6)
        if max(left_db, right_db) < _ACTIVE_DBFS:
            return
        self._active_blocks += 1
        self._louder_blocks += (left_db - right_db >= _LOUDER_DB, right_db - left_db >= _LOUDER_DB)
        self._waves += products
        self._levels += levels
        self._squared_levels += np.outer(levels, levels)


def _correlation(products: npt.NDArray[np.float64]) -> float:
    """-1 to 1, of the sums of products ``[2, 2]``; 0 if one side has no power."""
    power = float(products[0, 0] * products[1, 1])
    return float(products[0, 1]) / power**0.5 if power > 0 else 0.0
