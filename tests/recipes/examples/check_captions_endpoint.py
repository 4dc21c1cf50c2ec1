"""``/v1/captions`` on a server."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import numpy as np
import pytest

from tests.fakes.model_free_service import model_free_service
from tests.gateway.clients import connect, pcm16
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.errors import Unavailable
from translate_svc.gateway.server import GatewayServer

PATH = "/v1/captions?from=en&to=es"
SPOKEN = pcm16(np.repeat(np.array([0.5, 0], np.float32), (4_800, 6_400)))


async def test_speech_becomes_lines_of_text() -> None:
    async with model_free_service() as service, GatewayServer(service) as server:
        async with connect(server.target, PATH) as socket:
            await socket.send("audio", data=base64.b64encode(SPOKEN).decode())
            await socket.send("end")
            assert await socket.to_the_end() == 1000
        assert {each["language"] for each in socket.events} == {"spa"}
        assert "".join(each["delta"] for each in socket.events)
        assert [each["final"] for each in socket.events].count(True) == 1
        assert server.live_streams == 0
        assert set(service.held.values()) == {0}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (PATH.replace("es", "zz"), None),
        (PATH, {"type": "sing"}),
        (PATH, {"type": "audio", "data": "?"}),
    ],
    ids=["language", "type", "data"],
)
async def test_what_is_wrong_ends_the_connection(path: str, message: dict[str, str] | None) -> None:
    async with (
        model_free_service() as service,
        GatewayServer(service) as server,
        connect(server.target, path) as socket,
    ):
        if message is not None:
            await socket.raw.send_json(message)
        assert (await socket.until("error"))["error"]["code"] == "invalid_value"
        assert await socket.to_the_end() == 1008


async def test_a_server_with_keys_asks_for_one(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(key_line("alice", new_key()))
    callers = Callers(ApiKeys(tmp_path / "keys"))
    async with (
        model_free_service() as service,
        GatewayServer(service, callers=callers) as server,
        connect(server.target, PATH) as socket,
    ):
        assert (await socket.until("error"))["error"]["code"] == "invalid_api_key"


async def test_a_server_that_leaves_says_so() -> None:
    async with (
        model_free_service() as service,
        GatewayServer(service) as server,
        connect(server.target, PATH) as socket,
    ):
        await socket.send("audio", data=base64.b64encode(SPOKEN).decode())
        await socket.until("caption")
        leaving = asyncio.create_task(server.stop(0, Unavailable("it moves")))
        assert await socket.to_the_end() == 1012
        await leaving
