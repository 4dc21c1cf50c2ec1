"""Sound that waits for a server."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from meeting_translate_svc.sound.turns import RATE_HZ
from meeting_translate_svc.tally import Tally

_BYTES_PER_S = 2 * RATE_HZ


class Unsent:
    """Sound that waits for a server. Beyond its bound the oldest is dropped."""

    def __init__(self, max_s: float, tally: Tally) -> None:
        self._parts: deque[bytes] = deque()
        self._bytes = 0
        self._max_bytes = round(max_s * _BYTES_PER_S)
        self._tally = tally
        self._changed = asyncio.Event()
        self._over = False

    def add(self, pcm: bytes) -> None:
        """Adds 16-bit PCM at 48 kHz."""
        self._parts.append(pcm)
        self._bytes += len(pcm)
        while self._bytes > self._max_bytes:
            dropped = len(self._parts.popleft())
            self._bytes -= dropped
            self._tally.lost_ms += 1000 * dropped // _BYTES_PER_S
        self._changed.set()

    def end(self) -> None:
        """Nothing more comes."""
        self._over = True
        self._changed.set()

    async def parts(self) -> AsyncIterator[bytes]:
        """What was added, in order, until ``end``."""
        while True:
            while self._parts:
                part = self._parts.popleft()
                self._bytes -= len(part)
                yield part
            if self._over:
                return
            self._changed.clear()
            await self._changed.wait()

    @property
    def is_over(self) -> bool:
        """Whether all of it was sent, and nothing more comes."""
        return self._over and not self._parts
