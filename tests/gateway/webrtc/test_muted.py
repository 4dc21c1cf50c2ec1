"""Somebody whose track sends nothing at all any more, in the middle of a word."""

from __future__ import annotations

import numpy as np

from tests.fakes.model_free_service import model_free_service
from tests.gateway.clients import tone
from tests.gateway.telephone.provider import speaks
from tests.gateway.webrtc.caller import SpokenTrack, calling
from tests.gateway.whip.test_whip import client
from tests.waiting import until
from translate_svc.gateway.server import GatewayServer


async def muted_in_a_word(track: SpokenTrack) -> None:
    track.say(tone(0.6))
    await track.finished.wait()
    track.muted = True


async def test_the_last_words_of_a_caller_are_translated() -> None:
    async with (
        model_free_service(speaks(5)) as service,
        GatewayServer(service) as server,
        calling(server.target) as caller,
    ):
        caller.send("session.update", session={"audio": {"output": {"language": "es"}}})
        await caller.until("session.updated")
        await muted_in_a_word(caller.track)
        assert await caller.until("session.output_transcript.delta", timeout_s=15)


async def test_the_last_words_of_a_speaker_are_heard() -> None:
    microphone = SpokenTrack()
    async with (
        model_free_service(speaks(50)) as service,
        GatewayServer(service) as server,
        client(microphone) as speaker,
        client() as listener,
    ):
        assert await speaker.post(server.target, "/v1/whip/stage?target=es") == 201
        assert await listener.post(server.target, "/v1/whep/stage") == 201
        await muted_in_a_word(microphone)
        await until(lambda: bool(np.abs(listener.heard).max(initial=0) > 0.1))
