"""Somebody in a room: says recordings, and hears and reads one feed or several."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr
from aiortc import MediaStreamTrack, RTCDataChannel
from av import Packet
from meeting_translate_svc import JanusServer, Room
from meeting_translate_svc.janus.session import JanusHandle, JanusSession, janus_session
from meeting_translate_svc.janus.video_room import (
    CHANNEL,
    PLUGIN,
    Feed,
    attached_peer,
    join,
    publishing,
    room_change,
    subscribe,
)

from translate_svc.audio.codecs.opus_encoder import OpusEncoder
from translate_svc.audio.pcm import from_s16
from translate_svc.gateway.webrtc.heard_audio import heard_audio

if TYPE_CHECKING:
    from av.stream import Stream

DATA = Path(__file__).resolve().parents[2] / "tests" / "data"
RATE_HZ = 48_000
_FRAME = RATE_HZ // 50

Floats = npt.NDArray[np.float32]


def clip(name: str) -> Floats:
    """A recording of tests/data, at 48 kHz."""
    samples, rate_hz = soundfile.read(DATA / f"{name}.flac", dtype="float32")
    resampled: Floats = soxr.resample(samples, rate_hz, RATE_HZ).astype(np.float32)
    return resampled


async def until(condition: Callable[[], Any], timeout_s: float = 60.0) -> Any:
    """What ``condition`` returns, once that is true."""
    async with asyncio.timeout(timeout_s):
        while not (found := condition()):  # noqa: ASYNC110 - the condition has no event
            await asyncio.sleep(0.02)
    return found


class Microphone(MediaStreamTrack):
    """Says what it is given in real time, and silence otherwise; muted it sends nothing."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._said = np.zeros(0, np.float32)
        self._encoder = OpusEncoder()
        self._frames = 0
        self._began_s = 0.0
        self.finished = asyncio.Event()
        self.muted = False

    def say(self, samples: Floats) -> None:
        self._said = np.concatenate([self._said, samples])
        self.finished.clear()

    async def recv(self) -> Packet[Stream]:
        while True:
            now_s = asyncio.get_running_loop().time()
            self._began_s = self._began_s or now_s
            await asyncio.sleep(self._began_s + self._frames * 0.02 - now_s)
            self._frames += 1
            if self.muted:
                continue
            part, self._said = self._said[:_FRAME], self._said[_FRAME:]
            if not len(self._said):
                self.finished.set()
            (data,) = self._encoder.encode(np.pad(part, (0, _FRAME - len(part)))).packets
            packet = Packet(data)
            packet.pts, packet.time_base = (self._frames - 1) * _FRAME, Fraction(1, RATE_HZ)
            return packet


class Heard:
    """What somebody hears and reads of one feed."""

    def __init__(self, display: str) -> None:
        self.display = display
        self.parts: list[tuple[float, bytes]] = []
        """Times at which sound came, as the loop counts, and the sound."""
        self.captions: list[dict[str, Any]] = []
        self.caption_times_s: list[float] = []

    @property
    def samples(self) -> Floats:
        joined = b"".join(pcm for _, pcm in self.parts)
        return from_s16(np.frombuffer(joined, "<i2"))

    def loud(self, threshold: float = 0.008) -> npt.NDArray[np.bool_]:
        """Which frames of 20 ms are loud."""
        samples = self.samples
        frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
        levels: npt.NDArray[np.bool_] = np.sqrt((frames**2).mean(axis=1)) > threshold
        return levels

    def loud_s(self) -> float:
        """How long somebody spoke, without pauses."""
        return float(self.loud().sum()) / 50

    def quiet_s(self) -> float:
        """How long nobody has spoken now, after somebody did; 0 if nobody did."""
        loud = np.flatnonzero(self.loud())
        return (len(self.samples) // _FRAME - 1 - int(loud[-1])) / 50 if len(loud) else 0.0

    def texts(self) -> list[str]:
        """The final texts, in the order in which they ended."""
        return [each["text"] for each in self.captions if each["final"]]


class Participant:
    """Made by ``participating``."""

    def __init__(self, session: JanusSession, room: Room, display: str) -> None:
        self._session = session
        self._room = room
        self.display = display
        self.feed_id: int | str = 0
        self.handle: JanusHandle | None = None
        self.microphone = Microphone()
        self.feeds: dict[int | str, Feed] = {}
        self._hung_up = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def follow(self, handle: JanusHandle) -> None:
        self.handle = handle
        self.feed_id, present = await join(handle, self._room, self.display)
        self.feeds = {feed.feed_id: feed for feed in present}
        self._start(self._follow(handle))

    def published(self, display: str) -> Feed | None:
        """The feed of that name."""
        return next((each for each in self.feeds.values() if each.display == display), None)

    async def listen(self, display: str) -> Heard:
        """Subscribes to the feed of that name, as soon as there is one."""
        heard = Heard(display)
        feed = await until(lambda: self.published(display))
        connected = asyncio.Event()
        self._start(self._listen(feed, heard, connected))
        await asyncio.wait_for(connected.wait(), 20)
        return heard

    @asynccontextmanager
    async def published_again(self) -> AsyncIterator[None]:
        """Unpublishes, and publishes over another connection with another microphone."""
        assert self.handle is not None, "it has joined"
        await self.handle.ask({"request": "unpublish"})
        await asyncio.wait_for(self._hung_up.wait(), 20)
        self.microphone = Microphone()
        async with publishing(self.handle, self.microphone) as (peer, _):
            await until(lambda: peer.connectionState == "connected", 20)
            yield

    def leave(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _start(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, handle: JanusHandle) -> None:
        while True:
            event = await handle.event()
            if event["janus"] == "hangup":
                self._hung_up.set()
            change = room_change(event)
            self.feeds.update((feed.feed_id, feed) for feed in change.feeds)
            if change.left is not None:
                self.feeds.pop(change.left, None)

    async def _listen(self, feed: Feed, heard: Heard, connected: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()

        async def hear(track: MediaStreamTrack) -> None:
            async for pcm in heard_audio(track):
                heard.parts.append((loop.time(), pcm))

        def read(message: str | bytes) -> None:
            heard.captions.append(json.loads(message))
            heard.caption_times_s.append(loop.time())

        def attach(channel: RTCDataChannel) -> None:
            channel.on("message", read)

        async with attached_peer(self._session) as (peer, handle):
            peer.on("track", lambda track: self._start(hear(track)))
            peer.on("datachannel", attach)
            channel = peer.createDataChannel(CHANNEL)
            attach(channel)
            await subscribe(peer, handle, self._room, feed, data=True)
            await until(lambda: channel.readyState == "open", 20)
            connected.set()
            await handle.until_hangup()


@asynccontextmanager
async def participating(
    url: str, room: Room, display: str, *, speaks: bool = True
) -> AsyncIterator[Participant]:
    """Somebody who is in the room, and with ``speaks`` has a microphone there."""
    async with janus_session(JanusServer(url)) as session:
        person = Participant(session, room, display)
        handle = await session.attach(PLUGIN)
        await person.follow(handle)
        try:
            if speaks:
                async with publishing(handle, person.microphone) as (peer, _):
                    await until(lambda: peer.connectionState == "connected", 20)
                    yield person
            else:
                yield person
        finally:
            person.leave()
