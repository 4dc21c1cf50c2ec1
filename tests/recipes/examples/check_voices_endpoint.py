"""``GET /v1/voices`` on a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fakes.model_free_service import model_free_service
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.gateway.server import GatewayServer
from translate_svc.languages import packaged


async def answer(query: str, callers: Callers | None = None) -> tuple[int, dict[str, Any]]:
    async with (
        model_free_service() as service,
        GatewayServer(service, callers=callers) as server,
        aiohttp.ClientSession(server.target) as http,
        http.get(f"/v1/voices{query}") as response,
    ):
        assert response.headers["x-request-id"]
        return response.status, await response.json()


async def test_the_voices_of_a_language() -> None:
    spanish = next(language for language in packaged() if language.code == "spa")
    status, body = await answer("?language=es")
    assert status == 200
    assert [each["id"] for each in body["data"]] == list(spanish.speaker_ids) != []


@pytest.mark.parametrize(
    ("query", "code"),
    [("", "invalid_value"), ("?language=zz", "invalid_value"), ("?language=af", "unsupported")],
)
async def test_an_error_has_the_shape_of_openai(query: str, code: str) -> None:
    status, body = await answer(query)
    assert status == 400
    assert (body["error"]["code"], body["error"]["param"]) == (code, "language")


async def test_a_server_with_keys_asks_for_one(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(key_line("alice", new_key()))
    status, body = await answer("?language=es", Callers(ApiKeys(tmp_path / "keys")))
    assert (status, body["error"]["code"]) == (401, "invalid_api_key")
