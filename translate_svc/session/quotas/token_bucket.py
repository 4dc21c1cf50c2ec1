"""A token bucket. Its owner says what a token is: a second of audio, or the cost of a message."""

from __future__ import annotations


class TokenBucket:
    """Fills at a rate up to a capacity. It may be overdrawn: the debt is filled up first.

    Pure: the caller says what time it is. Times are in seconds and never go back.
    """

    def __init__(self, rate: float, capacity: float, now_s: float) -> None:
        """A full bucket. ``rate``: tokens that it gains in a second; more than 0. ``capacity``: in tokens."""
        self._rate = rate
        self._capacity = capacity
        self._level = capacity
        self._at_s = now_s

    def reshape(self, rate: float, capacity: float, now_s: float) -> None:
        """Changes the rate and the capacity. Tokens that were used before stay used."""
        self._level = self.level(now_s) + capacity - self._capacity
        self._rate, self._capacity, self._at_s = rate, capacity, now_s

    def level(self, now_s: float) -> float:
        """Number of tokens that may be used now. Not positive if there are none."""
        return min(self._capacity, self._level + (now_s - self._at_s) * self._rate)

    def is_full(self, now_s: float) -> bool:
        """Whether no token is used."""
        return self.level(now_s) >= self._capacity

    def take(self, tokens: float, now_s: float) -> None:
        """Uses ``tokens`` tokens, even if there are fewer."""
        self._level = self.level(now_s) - tokens
        self._at_s = now_s

    def wait_s(self, tokens: float, now_s: float) -> float:
        """Seconds until there are ``tokens`` tokens, or until the bucket is full. 0 if that is so now."""
        return max(0.0, (min(tokens, self._capacity) - self.level(now_s)) / self._rate)
