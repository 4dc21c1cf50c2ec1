"""A microphone and a loudspeaker, and what both need between two threads."""

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
    """A microphone, and a loudspeaker unless nothing is to be played. Open while in its ``with`` block."""

    @property
    def input_rate_hz(self) -> int:
        """Of the microphone."""

    @property
    def output_rate_hz(self) -> int:
        """Of the loudspeaker."""

    @property
    def dropped_samples(self) -> int:
        """CaptureBuffer and not recorded, because nobody took it in time."""

    def record(self) -> AsyncIterator[Samples]:
        """What is heard from now on, mono blocks ``[n]``, until ``stop``."""

    def stop(self) -> None:
        """Ends ``record`` behind what was heard so far. Idempotent."""

    def play(self, samples: Samples) -> None:
        """Plays mono samples ``[n]`` behind those that are being played. Does not wait."""

    async def played(self) -> None:
        """Returns when everything was played."""


class CaptureBuffer:
    """Blocks from a device's thread to the event loop. While 5 s wait, what comes is dropped and counted."""

    def __init__(self, rate_hz: int) -> None:
        """To be made on the event loop."""
        self._loop = asyncio.get_running_loop()
        self._blocks = asyncio.Queue[Samples | None]()
        self._limit_samples = rate_hz * _MAX_WAITING_INPUT_MS // 1000
        self._waiting_samples = 0
        self.dropped_samples = 0

    def put_from_thread(self, block: Samples) -> None:
        """Called by the device, with a block of its own."""
        self._loop.call_soon_threadsafe(self._put, block)

    def end(self) -> None:
        """Nothing more will be heard."""
        self._blocks.put_nowait(None)

    async def blocks(self) -> AsyncIterator[Samples]:
        """In their order, until ``end``."""
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
    """Samples from the event loop to a device's thread. While a minute waits, the oldest is dropped."""

    def __init__(self, rate_hz: int) -> None:
        self._lock = threading.Lock()
        self._pieces: deque[Samples] = deque()
        self._limit_samples = rate_hz * _MAX_WAITING_OUTPUT_MS // 1000
        self._waiting_samples = 0

    @property
    def waiting_samples(self) -> int:
        """Not played yet."""
        return self._waiting_samples

    def put(self, samples: Samples) -> None:
        """To be played behind what waits."""
        with self._lock:
            self._pieces.append(samples)
            self._waiting_samples += len(samples)
            while self._waiting_samples > self._limit_samples and len(self._pieces) > 1:
                self._waiting_samples -= len(self._pieces.popleft())

    def fill(self, out: Samples) -> None:
        """Fills ``out`` ``[n]`` with what comes next, and silence behind it. Called by the device."""
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
