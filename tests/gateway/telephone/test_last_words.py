"""A call that the server ends while its translation is still being heard."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np

from tests.fakes.model_free_service import model_free_service
from tests.gateway.conftest import STARTER
from tests.gateway.telephone.provider import RATE_HZ, dialled, speaks, spoken, telephone, tone
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.errors import Unavailable
from translate_svc.gateway.server import GatewayServer
from translate_svc.service import Service


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


async def test_what_was_said_is_heard_before_the_limit_of_audio_ends_the_call(tmp_path: Path) -> None:
    """All of it came and was translated at once; it plays for longer."""
    (tmp_path / "keys").write_text(key_line("phone", new_key()))
    said = spoken("eng_three.flac")
    limits = f"audio_s_per_minute = 1\naudio_burst_s = {len(said) // RATE_HZ}\n"
    (tmp_path / "callers.toml").write_text(f'default_class = "free"\n[classes.free]\n{limits}')
    callers = Callers(ApiKeys(tmp_path / "keys"), tmp_path / "callers.toml")
    phones = telephone(tmp_path, 'caller = "phone"')
    async with (
        Service.start(STARTER) as service,
        GatewayServer(service, callers=callers, telephone=phones) as server,
        dialled(server.target) as call,
    ):
        await call.start(source="en", target="es", mode="utterance")
        await call.say(np.concatenate([said, np.zeros(RATE_HZ, np.float32)]))
        assert await call.to_the_end() == 1013
    assert call.marks, "the end of the speech was played"
    assert len(call.heard) > 4 * RATE_HZ
