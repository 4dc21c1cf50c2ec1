"""Which web pages may call."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.fakes.model_free_service import ModelFreeService
from tests.gateway.clients import TRANSLATIONS, connect
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.errors import InvalidArgument
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.origins import Origins
from translate_svc.gateway.server import GatewayServer


@pytest.fixture
def options() -> GatewayOptions:
    return GatewayOptions(origins=("https://friend.example",))


@pytest.fixture
async def http(server: GatewayServer) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server.target) as session:
        yield session


async def test_a_friend_and_the_own_page_may_call(server: GatewayServer, http: aiohttp.ClientSession) -> None:
    for origin in ("https://friend.example", server.target):
        async with http.get("/v1/models", headers={"Origin": origin}) as response:
            assert response.status == 200
            assert response.headers["Access-Control-Allow-Origin"] == origin
            assert response.headers["Vary"] == "Origin"
        async with connect(server.target, headers={"Origin": origin}) as session:
            await session.open("es")


@pytest.mark.parametrize(
    "origin", ["https://stranger.example", "http://friend.example", "https://friend.example:444", "null"]
)
async def test_a_stranger_may_not(server: GatewayServer, http: aiohttp.ClientSession, origin: str) -> None:
    async with http.get("/v1/models", headers={"Origin": origin}) as response:
        assert response.status == 403
        assert "Access-Control-Allow-Origin" not in response.headers
        assert (await response.json())["error"]["code"] == "origin_not_allowed"
    with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
        async with connect(server.target, headers={"Origin": origin}):
            pass


async def test_a_name_that_was_bound_to_this_machine_is_no_page_of_ours(
    service: ModelFreeService, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    """DNS rebinding: the page's origin and the host it calls are the same. With keys it may: it has none."""
    rebound = {"Origin": "http://evil.example", "Host": "evil.example"}
    async with http.get("/v1/models", headers=rebound) as response:
        assert response.status == 403
    key, file = new_key(), tmp_path / "keys"
    file.write_text(key_line("alice", key))
    async with (
        GatewayServer(service, callers=Callers(ApiKeys(file))) as server,
        aiohttp.ClientSession(server.target) as keyed,
        keyed.get("/v1/models", headers=rebound | {"Authorization": f"Bearer {key}"}) as response,
    ):
        assert response.status == 200


async def test_a_page_under_a_bound_name_reads_nothing(
    service: ModelFreeService, http: aiohttp.ClientSession
) -> None:
    """Where a page only reads from where it came, browsers send no ``Origin``."""
    for path in ("/v1/models", "/status.json", "/"):
        async with http.get(path, headers={"Host": "evil.example"}) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (403, "origin_not_allowed")
        async with http.get(path, headers={"Host": "localhost:8080"}) as response:
            assert response.status == 200
    named = GatewayOptions(origins=("http://translate.example",))
    async with (
        GatewayServer(service, named) as server,
        aiohttp.ClientSession(server.target) as proxied,
        proxied.get("/v1/models", headers={"Host": "translate.example"}) as response,
    ):
        assert response.status == 200
    everywhere = GatewayOptions(address="0.0.0.0:0", insecure=True)
    async with GatewayServer(service, everywhere) as server:
        port = server.target.rpartition(":")[2]
        async with (
            aiohttp.ClientSession(f"http://127.0.0.1:{port}") as others,
            others.get("/v1/models", headers={"Host": "translate.internal"}) as response,
        ):
            assert response.status == 200, "other machines have names for it"


async def test_a_browser_asks_first(http: aiohttp.ClientSession) -> None:
    asked = {
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "authorization,X-Stainless-OS,x-other",
    }
    async with http.options("/v1/models", headers=asked | {"Origin": "https://friend.example"}) as response:
        assert response.status == 204
        allowed = response.headers["Access-Control-Allow-Headers"].lower()
        assert "authorization" in allowed
        assert "x-stainless-os" in allowed
        assert "x-other" not in allowed
        assert "POST" in response.headers["Access-Control-Allow-Methods"]
    async with http.options(TRANSLATIONS, headers=asked | {"Origin": "https://stranger.example"}) as response:
        assert response.status == 403


async def test_any_page_where_the_operator_says_so(service: ModelFreeService) -> None:
    async with (
        GatewayServer(service, GatewayOptions(origins=("*",))) as server,
        connect(server.target, headers={"Origin": "https://stranger.example"}) as session,
    ):
        await session.open("es")


@pytest.mark.parametrize(
    "wrong", ["example.org", "https://example.org/", "ftp://example.org", "HTTPS://e.org"]
)
def test_what_is_no_origin_is_refused(wrong: str) -> None:
    with pytest.raises(InvalidArgument, match="http_origins"):
        Origins((wrong,), keys_required=lambda: False)
