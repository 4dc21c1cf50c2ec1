"""How long a full line takes to have room again."""

from __future__ import annotations

_SMOOTHING = 0.2
_FIRST_GUESS_S = 0.5
_SHORTEST_S, _LONGEST_S = 0.1, 60.0


class RetryEstimate:
    """The time between two admissions while others wait, exponentially smoothed.

    Written by the engine's thread; ``seconds`` may be read from any.
    """

    def __init__(self) -> None:
        self._interval_s = _FIRST_GUESS_S
        self._line_since: float | None = None

    def observe(self, admitted: int, waiting: int, now: float) -> None:
        """Takes in one step: requests admitted by it, and those that wait after it. ``now``: a monotonic
        clock.
        """
        if admitted and self._line_since is not None:
            interval_s = (now - self._line_since) / admitted
            self._interval_s += _SMOOTHING * (interval_s - self._interval_s)
        if not waiting:
            self._line_since = None  # idle time says nothing about how fast a line moves
        elif admitted or self._line_since is None:
            self._line_since = now

    def seconds(self, waiting: int) -> float:
        """Until half of a line of ``waiting`` requests is gone: later comers find room, and need not all rush
        in at the first free place.
        """
        return min(max(self._interval_s * waiting / 2, _SHORTEST_S), _LONGEST_S)
