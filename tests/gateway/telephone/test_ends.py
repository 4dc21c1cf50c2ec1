"""What the log says of a call that has ended."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from tests.gateway.conftest import STARTER
from tests.gateway.telephone.provider import dialled, spoken, telephone
from translate_svc.gateway.server import GatewayServer
from translate_svc.service import Service


@pytest.mark.parametrize(
    ("end", "cause", "status"),
    [
        ("stop", "complete", "1000"),
        ("close", "complete", "1000"),
        ("wrong", "invalid_argument", "1008"),
        ("loss", "cancelled", "1006"),
    ],
)
async def test_a_call_ends_with_the_close_code_of_its_connection(
    end: str, cause: str, status: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """1006 is that of a connection that was lost."""
    async with (
        Service.start(STARTER) as service,
        GatewayServer(service, telephone=telephone(tmp_path)) as server,
    ):
        with caplog.at_level(logging.INFO, "translate_svc.stream"):
            async with dialled(server.target) as call:
                await call.start(source="en", target="es", mode="utterance")
                await call.say(spoken("eng_1.flac"))
                while not call.heard:
                    await call.receive()
                match end:
                    case "stop":
                        await call.hang_up()
                    case "close":
                        await call.raw.close()
                    case "wrong":
                        await call.send("media")
                        await call.to_the_end()
                    case "loss":
                        call.lose()
            async with asyncio.timeout(10):
                while not caplog.records:  # noqa: ASYNC110 - a log has no event
                    await asyncio.sleep(0.01)
    (ended,) = (vars(record)["fields"] for record in caplog.records)
    assert (ended["cause"], ended["status"]) == (cause, status)
