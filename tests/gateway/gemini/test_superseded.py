"""A session that another one has resumed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.model_free_service import ModelFreeService
from tests.gateway.gemini.clients import raw_session
from translate_svc.gateway.server import GatewayServer
from translate_svc.session.session import Session


async def test_a_session_that_was_resumed_elsewhere_is_told_so(
    service: ModelFreeService, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As after a change of networks, whose old connection is still open. It is no error of the server."""
    opened: list[Session] = []

    async def open_session(*args: Any, **kwargs: Any) -> Session:
        opened.append(await ModelFreeService.open_session(service, *args, **kwargs))
        return opened[-1]

    monkeypatch.setattr(service, "open_session", open_session)
    async with GatewayServer(service) as server, raw_session(server) as older:
        await older.setup(sessionResumption={})
        await older.until("sessionResumptionUpdate", "newHandle")
        opened[0].supersede()
        assert await older.closed() == (1008, "another call has resumed this stream")
    assert not [record for record in caplog.records if record.levelname == "ERROR"]
