"""What streams do without while the engine does not keep up. Pure."""

from __future__ import annotations

import enum


class Degradation(enum.IntEnum):
    """What a stream does without, in this order. Each level includes those before it."""

    NONE = 0
    RARE_DRAFTS = 1
    """Simultaneous translation hypotheses every second step."""
    RARER_DRAFTS = 2
    """Every fourth step."""
    FEWEST_DRAFTS = 3
    """One hypothesis for half of the audio that a hypothesis hears (6 s by default): fewer would lose
    words.
    """
    NO_LATE_SPEECH = 4
    """An utterance that is late by more than ``LATE_SPEECH_S`` itself has no speech where it has a text."""


LATE_SPEECH_S = 8.0

_FROM_LAG_S = {
    Degradation.RARE_DRAFTS: 1.0,
    Degradation.RARER_DRAFTS: 2.0,
    Degradation.FEWEST_DRAFTS: 4.0,
    Degradation.NO_LATE_SPEECH: LATE_SPEECH_S,
}
_UP_S, _DOWN_S = 1.0, 5.0


class DegradationPolicy:
    """Follows the lag of the streams inside: one level up at most each second, one down each five seconds.

    A level begins with the lag that stands beside it, and ends below half of that lag.
    """

    def __init__(self) -> None:
        self._level = Degradation.NONE
        self._changed_s = float("-inf")
        self._calm_since_s: float | None = None

    @property
    def level(self) -> Degradation:
        """The results to leave out now."""
        return self._level

    def observe(self, now_s: float, lag_s: float) -> Degradation:
        """Takes the lag of the slower ones of the streams inside; returns the level from now on."""
        higher = Degradation(min(self._level + 1, Degradation.NO_LATE_SPEECH))
        if higher is not self._level and lag_s >= _FROM_LAG_S[higher]:
            self._calm_since_s = None
            if now_s - self._changed_s >= _UP_S:
                self._level, self._changed_s = higher, now_s
        elif self._level is not Degradation.NONE and lag_s < _FROM_LAG_S[self._level] / 2:
            if self._calm_since_s is None:
                self._calm_since_s = now_s
            if now_s - self._calm_since_s >= _DOWN_S:
                self._level, self._changed_s = Degradation(self._level - 1), now_s
                self._calm_since_s = now_s
        else:
            self._calm_since_s = None
        return self._level
