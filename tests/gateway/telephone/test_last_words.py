"""A server that leaves while its translation is still being heard."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.fakes.model_free_service import model_free_service
from tests.gateway.telephone.provider import RATE_HZ, dialled, speaks, telephone, tone
from translate_svc.errors import Unavailable
from translate_svc.gateway.server import GatewayServer


async def test_what_was_said_is_heard_before_the_server_leaves(tmp_path: Path) -> None:
    """It takes input for the half of its grace. The speech lasts longer, and ends before the grace does."""
    async with (
        model_free_service(speaks(175)) as service,
        GatewayServer(service, telephone=telephone(tmp_path)) as server,
        dialled(server.target) as call,
    ):
        await call.start(source="en", target="es", mode="utterance")
        await call.say(tone(0.6))
        while not call.heard:
            await call.receive()
        leaving = asyncio.create_task(server.stop(4, Unavailable("it moves")))
        assert await call.to_the_end() == 1012
        assert len(call.heard) == 3.5 * RATE_HZ
        await leaving
