"""Plays translated speech into a call, a bounded time before it is heard."""

from __future__ import annotations

import asyncio

import numpy as np

from translate_svc.audio.codecs.table import chunk_encoder
from translate_svc.telephone.call_events import CallSocket
from translate_svc.types import AudioFormat

FRAME_MS = 20
"""What providers make packets of: nothing shorter is sent."""

_MAX_QUEUED_MS = 30_000
_MAX_MESSAGE_MS = 200
_REST_WAIT_S = 0.2
"""How long a rest that fills no frame waits for more of the same speech, if nothing else plays meanwhile."""
_MAX_CORRECTION_S = 1.0
_MAX_MARKS = 64
_CLOCK_MS = 1.0
"""Less is not worth a timer."""


class Playback:
    """The speech of one call, from the session to the provider.

    The provider is sent at most ``CallSocket.ahead_ms`` more than the caller has heard, so that ``interrupt``
    has little to take back. That is judged by the clock, and corrected by marks, which come back when the
    caller has heard what stood before them. About 30 seconds wait here at most.
    """

    def __init__(self, socket: CallSocket, audio: AudioFormat) -> None:
        """``audio``: of the call."""
        self._socket = socket
        self.rate_hz = audio.sample_rate_hz
        """Of the call's audio."""
        self.frame_samples = audio.sample_rate_hz * FRAME_MS // 1000
        """Samples of a frame of 20 ms."""
        self._silence = chunk_encoder(audio).encode(np.zeros(self.frame_samples, np.float32)).data
        self.frame_bytes = len(self._silence)
        """Bytes of a frame."""
        self._batch_ms = max(min(_MAX_MESSAGE_MS, socket.ahead_ms // 2), FRAME_MS)
        self._clock = asyncio.get_running_loop().time
        self._queued = bytearray()
        self._changed = asyncio.Event()
        self._taken = asyncio.Event()
        self._held = self._over = False
        self._utterance_ends = False
        self._heard_at_s = 0.0
        self._marks: dict[str, float] = {}  # when each should come back
        self._marked = 0

    @property
    def unheard(self) -> bool:
        """Whether there is speech that the caller has not heard."""
        return bool(self._queued) or self._clock() < self._heard_at_s

    async def say(self, data: bytes, *, final: bool) -> None:
        """Adds speech in the call's format; ``final``: the last one of an utterance. Waits for room."""
        if self._over:
            return
        self._queued += data
        self._utterance_ends = final
        self._changed.set()
        while len(self._queued) > self._bytes(_MAX_QUEUED_MS):
            self._taken.clear()
            await self._taken.wait()

    def hold(self, held: bool) -> None:
        """The provider asks for a pause, or ends it."""
        self._held = held
        self._changed.set()

    def heard(self, name: str) -> None:
        """A mark has come back. What plays later than the clock said moves the clock."""
        if (expected_s := self._marks.pop(name, None)) is not None:
            self._heard_at_s += min(max(self._clock() - expected_s, 0.0), _MAX_CORRECTION_S)

    def end(self) -> None:
        """Nobody listens any more: all is dropped, now and from now on."""
        self._over = True
        self._queued.clear()
        self._taken.set()

    async def played(self) -> None:
        """Waits until the caller has heard everything, by the clock, or nobody listens any more."""
        while self._queued:
            self._taken.clear()
            await self._taken.wait()
        if not self._over:
            await asyncio.sleep(max(self._heard_at_s - self._clock(), 0.0))

    async def interrupt(self) -> None:
        """Drops all that was not heard."""
        self._queued.clear()
        self._marks.clear()
        self._heard_at_s = self._clock()
        self._taken.set()
        await self._socket.clear()

    async def run(self) -> None:
        """Sends what is said, when its time has come. Never returns."""
        while True:
            if self._held or not self._queued:
                await self._change(None)
                continue
            if (early_ms := self._batch_ms - self._room_ms()) > _CLOCK_MS:
                await self._change(early_ms / 1000)
            elif len(self._queued) < self.frame_bytes and not self._utterance_ends:
                waited = len(self._queued)
                await self._change(max(_REST_WAIT_S, self._heard_at_s - self._clock()))
                if len(self._queued) == waited:
                    self._utterance_ends = True
            else:
                await self._send()

    async def _change(self, timeout_s: float | None) -> None:
        """Waits for something new."""
        self._changed.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            pass

    async def _send(self) -> None:
        """Sends whole frames; the last one of an utterance is filled up with silence."""
        data = bytes(self._queued[: self._bytes(self._batch_ms)])
        ends = self._utterance_ends and len(data) == len(self._queued)
        whole = len(data) // self.frame_bytes * self.frame_bytes
        if ends and whole < len(data):
            data += self._silence[: self.frame_bytes - len(data) + whole]
            whole = len(data)
        del self._queued[:whole]
        self._taken.set()
        seconds = whole / self.frame_bytes * FRAME_MS / 1000
        self._heard_at_s = max(self._heard_at_s, self._clock()) + seconds
        await self._socket.play(data[:whole])
        if ends:
            self._marked += 1
            name = f"speech-{self._marked}"
            self._marks[name] = self._heard_at_s
            if len(self._marks) > _MAX_MARKS:  # of a provider that sends none back
                del self._marks[next(iter(self._marks))]
            await self._socket.mark(name)

    def _room_ms(self) -> float:
        """How much more the provider may be sent now."""
        unheard_s = max(self._heard_at_s - self._clock(), 0.0)
        return self._socket.ahead_ms - unheard_s * 1000

    def _bytes(self, ms: float) -> int:
        """Of so much audio, in whole frames."""
        return int(ms / FRAME_MS) * self.frame_bytes
