"""Client secrets over HTTP: made with an API key, used by a page."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.fakes.model_free_service import model_free_service
from tests.gateway.clients import TRANSLATIONS, connect, pcm16, silence, tone
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.access.client_secrets import ClientSecrets
from translate_svc.access.monotonic_date import MonotonicDate
from translate_svc.gateway.failures import CLOSE_POLICY
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.server import GatewayServer
from translate_svc.types import Caller, StreamConfig

SECRETS = f"{TRANSLATIONS}/client_secrets"
SPOKEN = pcm16(tone(0.6)) + pcm16(silence(0.8))
SPANISH = {"model": "m", "audio": {"output": {"language": "es"}}}


class Setup:
    """A server that asks for keys, the callers of its sessions, and a clock that a test may turn."""

    def __init__(self) -> None:
        self.key = new_key()
        self.ahead_s = 0.0
        self.callers: list[str] = []
        self.server: GatewayServer

    async def mint(self, body: Any, key: str | None = None) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {key or self.key}", "OpenAI-Safety-Identifier": "somebody"}
        async with (
            aiohttp.ClientSession(self.server.target) as http,
            http.post(SECRETS, json=body, headers=headers) as response,
        ):
            return response.status, await response.json()


@pytest.fixture
async def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Setup]:
    made, file = Setup(), tmp_path / "keys"
    file.write_text(key_line("alice", made.key))
    secrets = ClientSecrets(date=MonotonicDate(lambda: time.time() + made.ahead_s))
    async with model_free_service() as service:
        open_session = service.open_session

        async def noting(config: StreamConfig, caller: Caller) -> Any:
            made.callers.append(caller.name)
            return await open_session(config, caller)

        monkeypatch.setattr(service, "open_session", noting)
        async with GatewayServer(service, callers=Callers(ApiKeys(file)), secrets=secrets) as made.server:
            yield made


async def test_one_secret_opens_several_sessions_of_its_caller(setup: Setup) -> None:
    began_s = time.time()
    status, made = await setup.mint(
        {"session": SPANISH, "expires_after": {"anchor": "created_at", "seconds": 3_600}}
    )
    assert status == 200
    assert int(began_s) + 3_600 <= made["expires_at"] <= time.time() + 3_600
    assert made["session"]["audio"]["output"]["language"] == "es"
    assert made["session"]["id"].startswith("sess_")
    for _ in range(2):
        protocols = ("realtime", f"openai-insecure-api-key.{made['value']}")
        async with connect(setup.server.target, TRANSLATIONS, protocols=protocols) as session:
            created = await session.until("session.created")
            assert created["session"]["audio"]["output"]["language"] == "es"
            await session.append(SPOKEN)
            await session.send("session.close")
            assert await session.to_the_end() == 1000
            assert session.text().startswith("spa ")
    assert setup.callers == ["alice", "alice"]


async def test_an_expired_secret_opens_nothing(setup: Setup) -> None:
    _, made = await setup.mint({"session": SPANISH})
    setup.ahead_s = 500
    header = {"Authorization": f"Bearer {made['value']}"}
    async with connect(setup.server.target, headers=header) as session:
        assert (await session.until("session.created"))["type"]
    setup.ahead_s = 601
    async with connect(setup.server.target, headers=header) as session:
        assert await session.to_the_end() == 1008
        assert "expired" in session.events[0]["error"]["message"]


async def test_a_secret_makes_no_secrets_and_sends_no_files(setup: Setup) -> None:
    _, made = await setup.mint({})
    status, answer = await setup.mint({}, key=made["value"])
    assert (status, answer["error"]["code"]) == (401, "invalid_api_key")
    header = {"Authorization": f"Bearer {made['value']}"}
    async with (
        aiohttp.ClientSession(setup.server.target, headers=header) as http,
        http.post("/v1/audio/translations", data={"model": "m"}) as response,
    ):
        assert response.status == 401


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/none", "/status.json"])
async def test_a_secret_shows_what_a_page_shows(setup: Setup, path: str) -> None:
    _, made = await setup.mint({})
    async with aiohttp.ClientSession(setup.server.target) as http:
        for secret, status in ((made["value"], 200), (made["value"][:-3], 401), ("", 401)):
            async with http.get(path, headers={"Authorization": f"Bearer {secret}"}) as response:
                assert response.status == status
        setup.ahead_s = 601
        async with http.get(path, headers={"Authorization": f"Bearer {made['value']}"}) as response:
            assert response.status == 401
            assert "expired" in (await response.json())["error"]["message"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ([], None),
        ({"session": 5}, "session"),
        ({"other": 5}, "other"),
        ({"expires_after": {"seconds": 9}}, "expires_after.seconds"),
        ({"expires_after": {"seconds": 7_201}}, "expires_after.seconds"),
        ({"expires_after": {"anchor": "never"}}, "expires_after.anchor"),
        ({"session": {"audio": {"output": {"language": "tlh"}}}}, "session.audio.output.language"),
        ({"session": {"audio": {"input": {"language": "tlh"}}}}, "session.audio.input.language"),
        ({"session": {"audio": {"output": {"language": "e" * 7_000}}}}, "session.audio.output.language"),
    ],
)
async def test_what_is_wrong_makes_no_secret(setup: Setup, body: Any, param: str | None) -> None:
    status, answer = await setup.mint(body)
    assert status == 400
    assert answer["error"]["param"] == param


async def test_a_body_that_is_too_large_is_not_read(setup: Setup) -> None:
    status, answer = await setup.mint({"session": {"x": "x" * 70_000}})
    assert (status, answer["error"]["code"]) == (413, "request_too_large")


async def test_a_revoked_key_ends_what_it_and_its_secrets_have_open(tmp_path: Path) -> None:
    file, (alice, bob) = tmp_path / "keys", (new_key(), new_key())
    file.write_text(f"{key_line('alice', alice)}\n{key_line('bob', bob)}\n")
    options = GatewayOptions(revocation_check_s=0.1)
    async with (
        model_free_service() as service,
        GatewayServer(service, options, callers=Callers(ApiKeys(file))) as server,
        aiohttp.ClientSession(server.target) as http,
    ):
        headers = {"Authorization": f"Bearer {alice}"}
        async with http.post(SECRETS, json={"session": SPANISH}, headers=headers) as response:
            secret = (await response.json())["value"]
        async with (
            connect(server.target, headers=headers) as by_key,
            connect(server.target, TRANSLATIONS, headers={"Authorization": f"Bearer {secret}"}) as by_secret,
            connect(server.target, headers={"Authorization": f"Bearer {bob}"}) as other,
        ):
            for session in (by_key, other):
                await session.open("es")
            await by_secret.until("session.created")
            while service.held["admitted"] < 3:  # noqa: ASYNC110 - it has no event
                await asyncio.sleep(0.01)
            file.write_text(key_line("bob", bob))
            for session in (by_key, by_secret):
                assert await session.to_the_end() == CLOSE_POLICY
                assert "revoked" in session.events[-1]["error"]["message"]
            await asyncio.sleep(0.3)
            await other.send("session.close")
            assert await other.to_the_end() == 1000
        async with connect(server.target, headers={"Authorization": f"Bearer {secret}"}) as late:
            assert await late.to_the_end() == CLOSE_POLICY, "a secret is worth no more than its key"
