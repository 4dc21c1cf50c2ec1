"""When a session of Gemini's Live API tells that a turn is complete."""

from __future__ import annotations

import base64

from tests.gateway.clients import RATE_HZ
from tests.gateway.gemini.clients import SPOKEN, raw_session
from translate_svc.gateway.server import GatewayServer


async def test_an_activity_that_ends_before_the_setup_is_complete(server: GatewayServer) -> None:
    """A client need not wait: the turn that is over by then is told behind ``setupComplete``, once."""
    async with raw_session(server) as opened:
        await opened.setup(realtimeInputConfig={"automaticActivityDetection": {"disabled": True}})
        for _ in range(2):
            await opened.socket.send_json({"realtimeInput": {"activityStart": {}, "activityEnd": {}}})
        assert set(await opened.receive()) == {"setupComplete"}
        assert (await opened.receive())["serverContent"] == {"turnComplete": True}
        blob = {"data": base64.b64encode(SPOKEN).decode(), "mimeType": f"audio/pcm;rate={RATE_HZ}"}
        said = {"activityStart": {}, "audio": blob, "activityEnd": {}}
        await opened.socket.send_json({"realtimeInput": said})
        assert "turnComplete" not in (await opened.receive())["serverContent"], "it was told once"
