"""A token bucket whose tokens are seconds of audio."""

from __future__ import annotations


class TokenBucket:
    """Fills at a rate up to a capacity. It may be overdrawn: the debt is filled up first.

    Pure: the caller says what time it is. Times are in seconds and never go back.
    """

    def __init__(self, rate: float, capacity_s: float, now_s: float) -> None:
        """A full bucket. ``rate``: seconds of audio that it gains in a second; more than 0."""
        self._rate = rate
        self._capacity_s = capacity_s
        self._level_s = capacity_s
        self._at_s = now_s

    def reshape(self, rate: float, capacity_s: float, now_s: float) -> None:
        """Another rate and capacity from now on. What was used before stays used."""
        self._level_s = self.level_s(now_s) + capacity_s - self._capacity_s
        self._rate, self._capacity_s, self._at_s = rate, capacity_s, now_s

    def level_s(self, now_s: float) -> float:
        """Seconds of audio that may be used now; 0 or less: none."""
        return min(self._capacity_s, self._level_s + (now_s - self._at_s) * self._rate)

    def is_full(self, now_s: float) -> bool:
        """Whether nothing of it is used."""
        return self.level_s(now_s) >= self._capacity_s

    def take(self, seconds: float, now_s: float) -> None:
        """Uses so much audio, whether or not it is there."""
        self._level_s = self.level_s(now_s) - seconds
        self._at_s = now_s

    def wait_s(self, seconds: float, now_s: float) -> float:
        """How long until so much audio is there, or the bucket is full; 0: it is so now."""
        return max(0.0, (min(seconds, self._capacity_s) - self.level_s(now_s)) / self._rate)
