"""What becomes of sound where the network loses or turns round packets, and of packets without any sound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from fractions import Fraction
from typing import Any

import numpy as np
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from av import Packet

from tests.gateway.clients import tone
from tests.gateway.webrtc.caller import SpokenTrack
from tests.waiting import until
from translate_svc.audio.codecs.opus_encoder import PACKET_SAMPLES, OpusEncoder
from translate_svc.gateway.webrtc.heard_audio import RATE_HZ, heard_audio
from translate_svc.gateway.webrtc.ice_paths import IcePaths
from translate_svc.gateway.webrtc.offer import read_media_offer
from translate_svc.gateway.webrtc.peer import Peer
from translate_svc.types import Samples

_RTP = range(128, 192)
_RTCP = range(192, 224)
_FRAME = RATE_HZ // 50


class _BadPaths(IcePaths):
    """Numbers the packets of sound from 0. Those that ``is_lost`` do not arrive; those that ``is_late`` come
    behind the next one.
    """

    sent = 0
    is_lost: Callable[[int], bool] = staticmethod(lambda number: False)
    is_late: Callable[[int], bool] = staticmethod(lambda number: False)
    _late: bytes | None = None

    async def send(self, data: bytes) -> None:
        if data[0] not in _RTP or data[1] in _RTCP:
            await super().send(data)
            return
        number, self.sent = self.sent, self.sent + 1
        if self.is_lost(number):
            return
        if self.is_late(number):
            self._late = data
        else:
            await super().send(data)
            if self._late is not None:
                await super().send(self._late)
                self._late = None


class _Microphone(SpokenTrack):
    """Says a tone, and is silent then."""

    def __init__(self, duration_s: float) -> None:
        super().__init__()
        self.say(tone(duration_s))


class _Muted(MediaStreamTrack):
    """Says a tone, and then nothing at all. If ``kept_alive``, packets without sound come within the tone."""

    kind = "audio"

    def __init__(self, duration_s: float, *, kept_alive: bool = False) -> None:
        super().__init__()
        samples = np.sin(np.arange(round(duration_s * RATE_HZ)) * 0.06).astype(np.float32) / 2
        packets = OpusEncoder().encode(samples).packets
        self._packets: list[tuple[int, bytes]] = []
        for number, data in enumerate(packets):
            self._packets.append((number, data))
            if kept_alive and number % 10 == 9:
                self._packets.append((number, b""))

    async def recv(self) -> Packet[Any]:
        if not self._packets:
            await asyncio.Event().wait()
        await asyncio.sleep(0.005)
        number, data = self._packets.pop(0)
        packet = Packet(data)
        packet.pts, packet.time_base = number * PACKET_SAMPLES, Fraction(1, RATE_HZ)
        return packet


async def _heard(microphone: MediaStreamTrack, enough_s: float, **network: Callable[[int], bool]) -> Samples:
    """What the server hears of a microphone, at least so much of it that is sound."""
    client = RTCPeerConnection()
    paths = _BadPaths(client.addTransceiver(microphone, "sendonly").sender.transport.transport, [], 30)
    for name, rule in network.items():
        setattr(paths, name, rule)
    await client.setLocalDescription(await client.createOffer())
    peer = Peer(read_media_offer(client.localDescription.sdp, sends=True), [], 30, lambda: None)
    heard: list[bytes] = []
    hearing: list[asyncio.Task[None]] = []

    async def hear(track: MediaStreamTrack) -> None:
        async with aclosing(heard_audio(track)) as parts:
            async for part in parts:
                heard.append(part)  # noqa: PERF401 - it is read meanwhile

    def sound() -> Samples:
        return np.frombuffer(b"".join(heard), "<i2").astype(np.float32)

    peer.connection.on("track", lambda track: hearing.append(asyncio.create_task(hear(track))))
    try:
        answer = await peer.answer(None)
        await client.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await until(lambda: _frames_of_sound(sound()) >= enough_s * 50)
        return sound()
    finally:
        await client.close()
        await peer.close()
        await asyncio.gather(*hearing, return_exceptions=True)


def _frames_of_sound(heard: Samples) -> int:
    frames = heard[: len(heard) // _FRAME * _FRAME].reshape(-1, _FRAME)
    return int((np.abs(frames).max(axis=1, initial=0) > 1_000).sum())


async def test_a_lost_packet_costs_its_own_sound_alone() -> None:
    """Each tenth of 100 packets is lost; of the others not one."""
    await _heard(_Microphone(2.0), 1.8, is_lost=lambda number: number % 10 == 5)


async def test_packets_that_overtake_each_other_are_all_heard() -> None:
    await _heard(_Microphone(2.0), 2.0, is_late=lambda number: number % 10 == 5)


async def test_the_last_sound_is_heard_before_more_comes() -> None:
    await _heard(_Muted(0.4), 0.4)


async def test_the_sound_behind_a_loss_is_heard_before_more_comes() -> None:
    """A pause follows at once: no packet shows any more that the lost one will not come."""
    await _heard(_Muted(0.4), 0.38, is_lost=lambda number: number == 15)


async def test_a_packet_without_sound_makes_nobody_deaf() -> None:
    await _heard(_Muted(2.0, kept_alive=True), 2.0)
