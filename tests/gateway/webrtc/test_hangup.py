"""A call is ended by a request, as a program on a server does that did not make it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from openai import AsyncOpenAI, NotFoundError

from tests.fakes.model_free_service import ModelFreeService
from tests.gateway.webrtc.caller import calling, post_offer
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.access.client_secrets import ClientSecrets
from translate_svc.gateway.server import GatewayServer
from translate_svc.types import Caller as Who

NOTHING = {"admitted": 0, "requests": 0, "vad_places": 0}
SPANISH = {"audio": {"output": {"language": "es"}}}


async def test_a_program_hangs_up_with_the_sdk(service: ModelFreeService, server: GatewayServer) -> None:
    async with (
        AsyncOpenAI(api_key="k", base_url=f"{server.target}/v1") as program,
        calling(server.target) as caller,
    ):
        caller.send("session.update", session=SPANISH)
        await caller.until("session.updated")
        name = caller.path.rpartition("/")[2]
        await program.realtime.calls.hangup(name)
        assert (service.held, server.live_streams) == (NOTHING, 0), "it is over when the answer comes"
        await asyncio.wait_for(caller.closed.wait(), 60)
        with pytest.raises(NotFoundError, match="No such call is open"):
            await program.realtime.calls.hangup(name)


async def test_a_second_stop_ends_calls_at_once_and_both_return(
    service: ModelFreeService, server: GatewayServer
) -> None:
    """As after a second signal. Once the last call is over both close the server."""
    async with calling(server.target) as caller:
        caller.send("session.update", session=SPANISH)
        await caller.until("session.updated")
        async with asyncio.timeout(60):
            await asyncio.gather(server.stop(300), server.stop(0))
    assert service.held == NOTHING


async def test_only_who_made_a_call_ends_it(service: ModelFreeService, tmp_path: Path) -> None:
    alice, bob, secrets = new_key(), new_key(), ClientSecrets()
    (tmp_path / "keys").write_text(f"{key_line('alice', alice)}\n{key_line('bob', bob)}\n")
    secret, _ = secrets.seal(Who("alice"), SPANISH, 600)
    async with (
        GatewayServer(service, callers=Callers(ApiKeys(tmp_path / "keys")), secrets=secrets) as server,
        calling(server.target, Authorization=f"Bearer {secret}") as caller,
    ):
        await caller.until("session.created")
        for credential, expected in (("", 401), (bob, 404), (alice, 200)):
            path, header = f"{caller.path}/hangup", f"Bearer {credential}"
            assert (await post_offer(server.target, "", path=path, Authorization=header))[0] == expected
        await asyncio.wait_for(caller.closed.wait(), 60)
