"""The frames of one grid between the detector and the segmenter. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

import numpy as np

from translate_svc.session.inbound.grid_segmenter import GridSegmenter
from translate_svc.types import Samples
from translate_svc.vad.frame_vad import MAX_FRAMES_AT_ONCE, VadFrames

ScoredFrame = tuple[Samples, float]


class FrameScores:
    """Gives out frames to score, as many at a time as there are, and then each of them with its probability.

    An event of the segmenter may end the grid at one of them: whoever begins the next grid drops this object,
    and the probabilities of later frames with it. So what is found never depends on how many were scored
    together.
    """

    def __init__(self, segmenter: GridSegmenter, feed: Callable[[], bool]) -> None:
        """``feed`` moves some input into the segmenter's grid, and says whether there was any."""
        self._segmenter = segmenter
        self._feed = feed
        self._scored: deque[ScoredFrame] = deque()
        self._unscored: Samples | None = None  # after those of `_scored` or `_pending`
        self._pending: VadFrames | None = None
        self._restart = True

    def take(self) -> ScoredFrame | VadFrames | None:
        """The next frame with its probability, or frames that must be scored first; None: input is missing.

        ``VadFrames`` must be answered with ``push`` before the next call, else ``RuntimeError``.
        """
        if self._scored:
            return self._scored.popleft()
        if self._pending is not None:
            raise RuntimeError("the last frames still wait for their probabilities")
        frame = self._next_frame()
        if frame is None:
            return None
        if not self._segmenter.needs_score(frame):
            return frame, 0.0
        frames = [frame]
        while len(frames) < MAX_FRAMES_AT_ONCE and (frame := self._next_frame()) is not None:
            if not self._segmenter.needs_score(frame):
                self._unscored = frame
                break
            frames.append(frame)
        self._pending = VadFrames(np.stack(frames), self._restart)
        self._restart = False
        return self._pending

    def push(self, probabilities: Sequence[float]) -> None:
        """Takes the speech probability, within [0, 1], of each frame that ``take`` gave out last."""
        if self._pending is None:
            raise RuntimeError("no frames wait for their probabilities")
        if len(probabilities) != len(self._pending.samples):
            raise ValueError("each frame has one probability")
        if not all(0.0 <= each <= 1.0 for each in probabilities):
            raise ValueError("a probability lies within [0, 1]")
        self._scored.extend(zip(self._pending.samples, probabilities, strict=True))
        self._pending = None

    def _next_frame(self) -> Samples | None:
        if (frame := self._unscored) is not None:
            self._unscored = None
            return frame
        while (frame := self._segmenter.grid.take_frame()) is None and self._feed():
            pass
        return frame
