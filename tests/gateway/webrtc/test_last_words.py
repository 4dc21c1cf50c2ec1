"""A server that leaves while a caller hears the translation."""

from __future__ import annotations

import numpy as np

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.model_free_service import model_free_service
from tests.gateway.clients import tone
from tests.gateway.webrtc.caller import calling
from tests.waiting import until
from translate_svc.engine.request import Request
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.server import GatewayServer

IMPATIENT = GatewayOptions(abort_timeout_s=0.2, cancel_timeout_s=0.2)


def says_much(request: Request) -> ScriptedRequest:
    """6 seconds."""
    said = ScriptedSequence(piece_units=(300,), tone_hz=440.0, amplitude=0.5)
    return ScriptedRequest((said,) * len(request.sequences), encode_s=0.0)


async def test_a_caller_hears_what_was_said_before_the_server_leaves() -> None:
    """All is translated at once, and it plays for longer than a call may take to say good-bye."""
    async with (
        model_free_service(says_much) as service,
        GatewayServer(service, IMPATIENT) as server,
        calling(server.target) as caller,
    ):
        settings = {"audio": {"output": {"language": "es"}}, "simultaneous": None}
        caller.send("session.update", session=settings)
        await caller.until("session.updated")
        caller.track.say(tone(0.6))
        await until(lambda: np.abs(caller.heard).max(initial=0) > 0.1)
        await server.stop(8)  # it takes input for the half of it
        heard = np.abs(caller.heard) > 0.02
        assert heard.sum() / 48_000 > 5.3, "seconds"
