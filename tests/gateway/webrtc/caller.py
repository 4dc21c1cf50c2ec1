"""A caller over WebRTC that is not ours: aiortc on the other side of the connection."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from typing import Any

import aiohttp
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from tests.gateway.clients import RATE_HZ, TRANSLATIONS, from_pcm16, pcm16
from translate_svc.types import Samples

CALLS = f"{TRANSLATIONS}/calls"
_FRAME_SAMPLES = RATE_HZ // 50
_OPUS_RATE_HZ = 48_000


class SpokenTrack(MediaStreamTrack):
    """Plays the given samples in real time, and is silent otherwise."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._said = b""
        self._frames = 0
        self._began_s = 0.0
        self.finished = asyncio.Event()
        self.muted = False
        """Whether it sends nothing at all."""

    def say(self, samples: Samples) -> None:
        self._said += pcm16(samples)
        self.finished.clear()

    async def recv(self) -> AudioFrame:
        if self.muted:
            await asyncio.Event().wait()
        now_s = asyncio.get_running_loop().time()
        self._began_s = self._began_s or now_s
        await asyncio.sleep(self._began_s + self._frames * 0.02 - now_s)
        data, self._said = self._said[: 2 * _FRAME_SAMPLES], self._said[2 * _FRAME_SAMPLES :]
        if not self._said:
            self.finished.set()
        frame = AudioFrame(format="s16", layout="mono", samples=_FRAME_SAMPLES)
        frame.planes[0].update(data.ljust(2 * _FRAME_SAMPLES, b"\0"))
        frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
        frame.pts = self._frames * _FRAME_SAMPLES
        self._frames += 1
        return frame


class Caller:
    """One end of a call, and all that came from the other one."""

    def __init__(self) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration([], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.track = SpokenTrack()
        self.peer.addTrack(self.track)
        self.channel: RTCDataChannel = self.peer.createDataChannel("oai-events")
        self.channel.on("message", lambda text: self._take(json.loads(text)))
        self.channel.on("close", self._end)
        self.peer.on("track", self._listen)
        self.path = ""
        """Where the call is, once it was answered."""
        self.etag = ""
        self.events: list[dict[str, Any]] = []
        self.closed = asyncio.Event()
        self._changed = asyncio.Event()
        self._heard: list[bytes] = []
        self._listening: list[asyncio.Task[None]] = []

    async def offer(self) -> str:
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        async with asyncio.timeout(60):
            while self.channel.readyState != "open":  # noqa: ASYNC110 - some versions open it at once
                await asyncio.sleep(0.02)

    def send(self, kind: str, **fields: Any) -> None:
        self.channel.send(json.dumps({"type": kind, **fields}))

    async def until(self, kind: str, timeout_s: float = 60.0) -> dict[str, Any]:
        """The first event of a type."""
        async with asyncio.timeout(timeout_s):
            while not (found := self.of(kind)):
                self._changed.clear()
                await self._changed.wait()
        return found[0]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == kind]

    def text(self) -> str:
        return "".join(each["delta"] for each in self.of("session.output_transcript.delta"))

    @property
    def heard(self) -> Samples:
        """What the track brought, at 48 kHz."""
        return from_pcm16(b"".join(self._heard))

    async def hang_up(self) -> None:
        await self.peer.close()
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)

    def _take(self, event: dict[str, Any]) -> None:
        self.events.append(event)
        self._changed.set()

    def _end(self) -> None:
        self.closed.set()
        self._changed.set()

    def _listen(self, track: MediaStreamTrack) -> None:
        self._listening.append(asyncio.ensure_future(hear(track, self._heard)))


async def hear(track: MediaStreamTrack, heard: list[bytes]) -> None:
    """Appends the left channel of each frame of a track, 16-bit PCM at 48 kHz, until the track ends."""
    while True:
        try:
            frame = await track.recv()
        except MediaStreamError:
            return
        assert isinstance(frame, AudioFrame)
        assert frame.sample_rate == _OPUS_RATE_HZ
        heard.append(frame.to_ndarray().reshape(-1, 2)[:, 0].astype(np.int16).tobytes())


async def post_offer(
    target: str, offer: str, *, path: str = CALLS, **headers: str
) -> tuple[int, str, dict[str, str]]:
    """Status, body and headers of the answer."""
    async with (
        aiohttp.ClientSession(target) as http,
        http.post(
            path, data=offer.encode(), headers={"Content-Type": "application/sdp"} | headers
        ) as response,
    ):
        return response.status, await response.text(), dict(response.headers)


@asynccontextmanager
async def calling(
    target: str, *, change: Callable[[str], str] = lambda offer: offer, **headers: str
) -> AsyncIterator[Caller]:
    """A connected call. ``change`` is applied to its offer."""
    caller = Caller()
    try:
        status, answer, answered = await post_offer(target, change(await caller.offer()), **headers)
        assert status == 201, answer
        caller.path, caller.etag = answered["Location"], answered["Etag"]
        await caller.accept(answer)
        yield caller
    finally:
        await caller.hang_up()
