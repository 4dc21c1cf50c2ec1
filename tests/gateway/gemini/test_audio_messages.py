"""How much audio a message of Gemini's Live API may bring."""

from __future__ import annotations

import base64

import pytest

from tests.gateway.clients import pcm16
from tests.gateway.gemini.clients import raw_session
from tests.gateway.telephone.provider import tone
from translate_svc.gateway.server import GatewayServer

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
