"""Where an utterance stands on its way to the reader."""

from __future__ import annotations

import enum


class UtterancePhase(enum.Enum):
    """Where an utterance stands between its start and the reader's taking of its ``UtteranceDone``."""

    OPEN = enum.auto()
    """It has no ``UtteranceDone`` yet."""
    DONE = enum.auto()
    """Its ``UtteranceDone`` waits for the reader."""
    CLEARED = enum.auto()
    """As ``DONE``, and the client has cleared it: nothing else of it may be sent or submitted."""
