"""Which server to ask next for a stream that lost its own, and when."""

from __future__ import annotations

import random
from collections.abc import Iterator

MOVE_WITHIN = 0.4
"""A stream that is told to go away moves within this part of the time it has: before the server stops hearing
it, which is half of that time before the end at the earliest.
"""

_SPREAD_S = 0.2
"""When a server dies, its streams come to the others within this time, not all together."""
_FIRST_ROUND_S = 0.25
_MAX_ROUND_S = 2.0


class Attempts:
    """Servers in a random order, again and again, with a growing pause after each round.

    The server that was lost comes last in a round. The pauses are random (full jitter), so that the streams
    of a lost server do not come back together.
    """

    def __init__(self, servers: int, lost: int) -> None:
        """``servers``: how many there are; ``lost``: the number of the one that was lost."""
        self._others = [number for number in range(servers) if number != lost]
        self._lost = lost

    def __iter__(self) -> Iterator[tuple[float, int]]:
        """Pauses in seconds, each with the number of the server to ask after it."""
        pause_s, round_s = random.uniform(0, _SPREAD_S), _FIRST_ROUND_S
        while True:
            for server in (*random.sample(self._others, len(self._others)), self._lost):
                yield pause_s, server
                pause_s = 0.0
            pause_s, round_s = random.uniform(0, round_s), min(2 * round_s, _MAX_ROUND_S)
