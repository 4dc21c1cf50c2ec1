"""The date, by two clocks: one that may be set, and one that only goes forward."""

from __future__ import annotations

import time
from collections.abc import Callable


class MonotonicDate:
    """Both clocks agree at the start, and until somebody sets the wall clock.

    The use decides which clock counts. A credential must not live longer than promised: for it the
    later date counts. A resume token is valid by either date: its refusal would cost a caller the stream.
    """

    def __init__(
        self, clock: Callable[[], float] = time.time, steady_clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``clock``: seconds since the epoch. ``steady_clock``: seconds since any moment."""
        self._clock = clock
        self._steady_clock = steady_clock
        self._offset_s = clock() - steady_clock()

    @property
    def now_s(self) -> float:
        """By the wall clock, in seconds since the epoch. Other servers have no other clock in common."""
        return self._clock()

    @property
    def steady_s(self) -> float:
        """The date at the start, and the time since then; in seconds since the epoch."""
        return self._steady_clock() + self._offset_s
