"""The audio track that a call hears: translated speech, and silence between."""

from __future__ import annotations

import asyncio
from fractions import Fraction

from aiortc.mediastreams import MediaStreamError, MediaStreamTrack
from av import AudioFrame

from translate_svc.gateway.realtime.dialect import OUTPUT

_FRAME_SAMPLES = OUTPUT.sample_rate_hz // 50
_FRAME_BYTES = 2 * _FRAME_SAMPLES
_FRAME_S = 0.02
_SILENCE = bytes(_FRAME_BYTES)
_MAX_BYTES = 30 * 2 * OUTPUT.sample_rate_hz
_MAX_HELD_FRAMES = 10
"""How long a rest that fills no frame waits for more of the same speech."""


class SpeechTrack(MediaStreamTrack):
    """Plays the appended speech in real time. Holds about 30 seconds at most."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._unplayed = bytearray()
        self._changed = asyncio.Event()
        self._held_frames = 0
        self._began_s: float | None = None
        self._frames = 0

    @property
    def is_full(self) -> bool:
        """Whether it holds as much as it may."""
        return len(self._unplayed) > _MAX_BYTES

    def append(self, pcm: bytes) -> None:
        """Adds speech, as ``OUTPUT`` says."""
        self._unplayed += pcm
        self._held_frames = 0

    def clear(self) -> None:
        """Drops the speech that was not played yet."""
        self._unplayed.clear()
        self._changed.set()

    async def room(self) -> None:
        """Waits until more may be appended."""
        await self._until_at_most(_MAX_BYTES)

    async def played(self) -> None:
        """Waits until everything was played, or nobody listens any more."""
        await self._until_at_most(0)

    async def recv(self) -> AudioFrame:
        """The next 20 ms, when their time has come.

        Raises:
            MediaStreamError: the track was stopped.
        """
        if self.readyState != "live":
            raise MediaStreamError
        await self._wait_for_turn()
        frame = AudioFrame(format="s16", layout="mono", samples=_FRAME_SAMPLES)
        frame.planes[0].update(self._next())
        frame.sample_rate = OUTPUT.sample_rate_hz
        frame.pts = self._frames * _FRAME_SAMPLES
        frame.time_base = Fraction(1, OUTPUT.sample_rate_hz)
        self._frames += 1
        return frame

    def stop(self) -> None:
        """Implements ``MediaStreamTrack.stop``. Waits for room and for the end return."""
        super().stop()
        self._changed.set()

    async def _wait_for_turn(self) -> None:
        now_s = asyncio.get_running_loop().time()
        if self._began_s is None:
            self._began_s = now_s
        await asyncio.sleep(self._began_s + self._frames * _FRAME_S - now_s)

    def _next(self) -> bytes:
        if len(self._unplayed) < _FRAME_BYTES and self._held_frames < _MAX_HELD_FRAMES:
            self._held_frames += 1
            return _SILENCE
        data = bytes(self._unplayed[:_FRAME_BYTES]).ljust(_FRAME_BYTES, b"\0")
        del self._unplayed[:_FRAME_BYTES]
        self._changed.set()
        return data

    async def _until_at_most(self, unplayed_bytes: int) -> None:
        while len(self._unplayed) > unplayed_bytes and self.readyState == "live":
            self._changed.clear()
            await self._changed.wait()
