"""A microphone and a loudspeaker, and their buffers between two threads."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

from translate_svc.types import Samples

_MAX_WAITING_INPUT_MS = 5_000
_MAX_WAITING_OUTPUT_MS = 60_000


class AudioDevice(Protocol):
    """A microphone, and a loudspeaker if playback is wanted. ``with`` opens and closes it."""

    @property
    def input_rate_hz(self) -> int:
        """Sample rate of the microphone."""

    @property
    def output_rate_hz(self) -> int:
        """Sample rate of the loudspeaker."""

    @property
    def dropped_samples(self) -> int:
        """Captured samples that were dropped because the reader was too slow."""

    def record(self) -> AsyncIterator[Samples]:
        """The audio of the microphone from now on, as mono blocks ``[n]``, until ``stop``."""

    def stop(self) -> None:
        """Ends ``record`` after the audio captured so far. Idempotent."""

    def play(self, samples: Samples) -> None:
        """Queues mono samples ``[n]`` for playback. Does not wait."""

    async def wait_played(self) -> None:
        """Returns when all queued samples have been played."""


class CaptureBuffer:
    """Blocks from a device's thread to the event loop. Beyond 5 s new blocks are dropped and counted."""

    def __init__(self, rate_hz: int) -> None:
        """Must be created on the event loop."""
        self._loop = asyncio.get_running_loop()
        self._blocks = asyncio.Queue[Samples | None]()
        self._limit_samples = rate_hz * _MAX_WAITING_INPUT_MS // 1000
        self._waiting_samples = 0
        self.dropped_samples = 0

    def put_from_thread(self, block: Samples) -> None:
        """Queues a block. The device calls this on its own thread; it must not reuse the block."""
        self._loop.call_soon_threadsafe(self._put, block)

    def end(self) -> None:
        """Ends ``blocks`` after all that the device's thread has given, also where the loop has not queued it
        yet: that may be the last word.
        """
        self._loop.call_soon(self._blocks.put_nowait, None)

    async def blocks(self) -> AsyncIterator[Samples]:
        """All blocks in order, until ``end``."""
        while (block := await self._blocks.get()) is not None:
            self._waiting_samples -= len(block)
            yield block

    def _put(self, block: Samples) -> None:
        if self._waiting_samples + len(block) > self._limit_samples:
            self.dropped_samples += len(block)
            return
        self._waiting_samples += len(block)
        self._blocks.put_nowait(block)


class PlaybackBuffer:
    """Samples from the event loop to a device's thread. Beyond 60 s the oldest samples are dropped."""

    def __init__(self, rate_hz: int) -> None:
        self._lock = threading.Lock()
        self._pieces: deque[Samples] = deque()
        self._limit_samples = rate_hz * _MAX_WAITING_OUTPUT_MS // 1000
        self._waiting_samples = 0

    @property
    def waiting_samples(self) -> int:
        """Queued samples that are not played yet."""
        return self._waiting_samples

    def put(self, samples: Samples) -> None:
        """Appends samples to the queue."""
        with self._lock:
            self._pieces.append(samples)
            self._waiting_samples += len(samples)
            while self._waiting_samples > self._limit_samples and len(self._pieces) > 1:
                self._waiting_samples -= len(self._pieces.popleft())

    def fill(self, out: Samples) -> None:
        """Fills ``out`` ``[n]`` with the next samples, then with silence. The device calls this."""
        filled = 0
        with self._lock:
            while filled < len(out) and self._pieces:
                piece = self._pieces[0][: len(out) - filled]
                out[filled : filled + len(piece)] = piece
                filled += len(piece)
                rest = self._pieces[0][len(piece) :]
                if len(rest):
                    self._pieces[0] = rest
                else:
                    self._pieces.popleft()
            self._waiting_samples -= filled
        out[filled:] = 0
