"""Streams that send a message every 20 ms, as far as flow control lets them."""

from __future__ import annotations

import random

FRAME_S = 0.02
UTTERANCE_FRAMES, DECIDING_FRAME = 100, 85
"""Of the measurements: 1.2 s of speech and 0.8 s of pause."""
_ANSWER_AFTER_FRAMES = (0, 1, 2)
"""How many messages after the deciding one complete the detector's frame that ends the utterance: the
frames of 32 ms lie anywhere on those of 20 ms.
"""
_MESSAGE_BYTES = 656
WINDOW_FRAMES = 64 * 1024 // _MESSAGE_BYTES + 1
"""Those on the way, and the one that the client waits with."""


class Stream:
    """One stream. Its frames count from 0."""

    __slots__ = ("answering_frame", "asked_s", "handled", "parked", "phase_s", "process", "sent")

    def __init__(self, process: int, rng: random.Random) -> None:
        self.process = process
        self.phase_s = rng.uniform(0, UTTERANCE_FRAMES * FRAME_S)
        self.answering_frame = DECIDING_FRAME + rng.choice(_ANSWER_AFTER_FRAMES)
        self.sent = 0
        self.handled = 0
        self.parked = False
        self.asked_s = 0.0

    def next_due_s(self) -> float:
        """When its next message should leave."""
        return self.phase_s + self.sent * FRAME_S

    @property
    def is_held(self) -> bool:
        """Whether its window is full."""
        return self.sent >= self.handled + WINDOW_FRAMES
