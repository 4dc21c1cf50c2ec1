"""An utterance that the engine could not translate, in a session of Gemini's Live API."""

from __future__ import annotations

import base64

from tests.fakes.engine_script import failing_script
from tests.fakes.model_free_service import model_free_service
from tests.gateway.clients import RATE_HZ
from tests.gateway.gemini.clients import SPOKEN, raw_session
from translate_svc.gateway.server import GatewayServer


async def test_it_ends_the_session_with_its_time() -> None:
    blob = {"data": base64.b64encode(SPOKEN).decode(), "mimeType": f"audio/pcm;rate={RATE_HZ}"}
    async with (
        model_free_service(failing_script) as service,
        GatewayServer(service) as server,
        raw_session(server) as opened,
    ):
        await opened.setup()
        await opened.socket.send_json({"realtimeInput": {"audio": blob}})
        code, reason = await opened.closed()
    assert code == 1011
    assert reason.startswith("the speech at")
