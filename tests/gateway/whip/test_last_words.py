"""A speaker who leaves while the microphone is still on, and a server that leaves while it is heard."""

from __future__ import annotations

import asyncio
from fractions import Fraction

import numpy as np
from aiortc import MediaStreamTrack
from av import AudioFrame

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.model_free_service import model_free_service
from tests.gateway.clients import tone
from tests.gateway.webrtc.caller import SpokenTrack
from tests.gateway.whip.test_whip import client, loudest
from tests.waiting import until
from translate_svc.access.callers import Callers
from translate_svc.access.client_secrets import ClientSecrets
from translate_svc.engine.request import Request
from translate_svc.gateway.authentication import Authenticator
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.server import GatewayServer
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


def says_much(request: Request) -> ScriptedRequest:
    """3.5 seconds."""
    said = ScriptedSequence(piece_units=(175,), tone_hz=440.0, amplitude=0.5)
    return ScriptedRequest((said,) * len(request.sequences), encode_s=0.0)


async def test_listeners_hear_what_was_said_before_the_server_leaves() -> None:
    """It takes input for the half of its grace. The speech lasts longer, and ends before the grace does."""
    track = SpokenTrack()
    async with (
        model_free_service(says_much) as service,
        GatewayServer(service) as server,
        client(track) as speaker,
        client() as listener,
    ):
        assert await speaker.post(server.target, "/v1/whip/stage?target=es&language=en") == 201
        assert await listener.post(server.target, "/v1/whep/stage") == 201
        track.say(tone(0.6))
        await until(lambda: loudest(listener.heard) > 0.1)
        await server.stop(4)
        heard = np.abs(listener.heard) > 0.02
        assert heard.sum() / 48_000 > 2.8, "seconds"
