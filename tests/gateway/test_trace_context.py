"""A request over HTTP is part of its caller's trace, and the next one on the connection is not."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from tests.fakes.model_free_service import ModelFreeService
from translate_svc.gateway.server import GatewayServer
from translate_svc.observability import telemetry

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_each_request_has_its_own_parent(
    service: ModelFreeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    parents: list[str] = []
    info = service.info

    def noting() -> Any:
        parents.append(telemetry._traceparent.get())
        return info()

    monkeypatch.setattr(service, "info", noting)
    async with (
        GatewayServer(service) as server,
        aiohttp.ClientSession(server.target, connector=aiohttp.TCPConnector(limit=1)) as http,
    ):
        for headers in ({"Traceparent": PARENT}, {}, {"traceparent": "wrong"}):
            async with http.get("/v1/models", headers=headers) as response:
                assert response.status == 200
    assert parents == [PARENT, "", ""]
