"""How much audio a message of Gemini's Live API may bring."""

from __future__ import annotations

import base64

import numpy as np
import pytest

from tests.fakes.engine_script import ScriptedRequest, echo_script, samples_of
from tests.fakes.model_free_service import model_free_service
from tests.gateway.clients import pcm16, silence
from tests.gateway.gemini.clients import audio, raw_session
from tests.gateway.telephone.provider import tone
from translate_svc.engine.request import Request
from translate_svc.gateway.server import GatewayServer
from translate_svc.types import Samples

TONE_S = 8.0


async def test_a_long_message_of_telephone_audio_is_heard_whole(server: GatewayServer) -> None:
    """Resampled to what a session gets, audio of 8 kHz is twice as long as the message was."""
    data = base64.b64encode(pcm16(tone(TONE_S))).decode()
    async with raw_session(server) as opened:
        await opened.setup()
        blob = {"data": data, "mimeType": "audio/pcm;rate=8000"}
        await opened.socket.send_json({"realtimeInput": {"audio": blob}})
        await opened.socket.send_json({"realtimeInput": {"audioStreamEnd": True}})
        assert await opened.until("usageMetadata", "promptTokenCount") == pytest.approx(25 * TONE_S, abs=5)
        assert await opened.until("serverContent", "turnComplete")


@pytest.mark.parametrize("manual", [False, True])
async def test_half_a_sample_at_the_end_of_a_recording_spoils_no_other_one(manual: bool) -> None:
    """It was put before the next recording, all of whose samples then were of halves of two: noise."""
    heard: list[Samples] = []

    def script(request: Request) -> ScriptedRequest:
        heard.append(samples_of(request))
        return echo_script(request)

    spoken = pcm16(tone(0.6)) + pcm16(silence(1.0))
    detection = {"automaticActivityDetection": {"disabled": manual}}
    around: dict[str, object] = {"audioStreamEnd": True}
    if manual:
        around = {"activityStart": {}, "activityEnd": {}}
    async with (
        model_free_service(script) as service,
        GatewayServer(service) as server,
        raw_session(server) as opened,
    ):
        await opened.setup(realtimeInputConfig=detection)
        for rest in (b"\1", b""):
            blob = audio(spoken + rest, "audio/pcm;rate=8000")
            await opened.socket.send_json({"realtimeInput": {"audio": blob} | around})
            assert await opened.until("serverContent", "turnComplete")
    first, second = heard
    np.testing.assert_array_equal(first, second)
