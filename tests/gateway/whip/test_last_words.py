"""A speaker who leaves while the microphone is still on."""

from __future__ import annotations

import asyncio
from fractions import Fraction

from aiortc import MediaStreamTrack
from av import AudioFrame

from tests.fakes.model_free_service import model_free_service
from tests.gateway.webrtc.caller import SpokenTrack
from tests.gateway.whip.test_whip import client
from translate_svc.access.callers import Callers
from translate_svc.access.client_secrets import ClientSecrets
from translate_svc.gateway.authentication import Authenticator
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.webrtc.offer import read_media_offer
from translate_svc.gateway.whip.broadcast import Broadcast
from translate_svc.types import AudioInput, EndInput

_SAMPLES = 960


class Microphone(MediaStreamTrack):
    """Sends a frame of silence every few milliseconds, for ever."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames = 0

    async def recv(self) -> AudioFrame:
        await asyncio.sleep(0.005)
        frame = AudioFrame(format="s16", layout="mono", samples=_SAMPLES)
        frame.planes[0].update(bytes(2 * _SAMPLES))
        frame.sample_rate, frame.time_base = 48_000, Fraction(1, 48_000)
        frame.pts = self._frames * _SAMPLES
        self._frames += 1
        return frame


async def test_a_session_that_is_slow_to_take_the_end_hears_nothing_behind_it() -> None:
    async with client(SpokenTrack()) as speaker, model_free_service() as service:
        offer = read_media_offer(await speaker.offer(), sends=True)
        authenticator = Authenticator(Callers(), ClientSecrets(), service.record_rejected)
        context = GatewayContext(service, GatewayOptions(), authenticator)
        broadcast = Broadcast(context, [], offer, ["spa"])
        try:
            broadcast.peer.connection.emit("track", Microphone())
            heard = [await broadcast.receive()]
            broadcast.hang_up()
            while not isinstance(message := await broadcast.receive(), EndInput):
                heard.append(message)
            await asyncio.sleep(0.1)
            assert await broadcast.receive() is None
            assert all(isinstance(each, AudioInput) for each in heard)
            assert message.total_samples == _SAMPLES * len(heard)
        finally:
            await broadcast.close()
