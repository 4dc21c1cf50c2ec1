"""A server that knows its callers by keys, tokens and certificates, over gRPC and HTTP. It runs with the
example of docs/callers.md.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
import pytest_asyncio

from tests.certificates import Authority, Identity
from tests.cli.process import ROOT, serving
from tests.gateway.clients import connect
from tests.tokens import Issuer
from translate_svc.access.api_keys import key_line, new_key
from translate_svc.audio.files import read_audio
from translate_svc.cli.commands.serve import READY_PREFIX
from translate_svc.client import AsyncClient, AsyncStream, ClientOptions, tls_credentials
from translate_svc.errors import OutOfRange, PermissionDenied, ResourceExhausted, Unauthenticated
from translate_svc.types import TextDelta

pytestmark = pytest.mark.asyncio(loop_scope="module")

PAGE = (ROOT / "docs" / "callers.md").read_text("utf-8")
EXAMPLE = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
RATE_HZ = 16_000


@dataclass
class Running:
    """A server, and what its callers have."""

    grpc: str
    http: str
    ca: Path
    certificate: Identity
    issuer: Issuer
    key: str
    file: Path

    def client(self, bearer: str = "") -> AsyncClient:
        credentials = tls_credentials(
            ca=self.ca, certificate=self.certificate.certificate, key=self.certificate.key
        )
        return AsyncClient(self.grpc, ClientOptions(credentials=credentials, api_key=bearer))

    @property
    def tls(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        context.load_cert_chain(self.certificate.certificate, self.certificate.key)
        return context

    async def get(self, path: str, bearer: str = "", method: str = "GET") -> tuple[int, str]:
        """Status and error code of a request."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        async with (
            aiohttp.ClientSession(self.http) as http,
            http.request(method, path, headers=headers, ssl=self.tls) as response,
        ):
            return response.status, (await response.json()).get("error", {}).get("code", "")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    folder = tmp_path_factory.mktemp("callers")
    authority, issuer, key = Authority(folder), Issuer(), new_key()
    issued = authority.issue("server")
    client = authority.issue("client", "bridge.example.org")
    assert EXAMPLE is not None
    (folder / "callers.toml").write_text(EXAMPLE[1])
    issuer.write(folder / "keys.json")
    (folder / "keys").write_text(key_line("alice", key))
    async with serving(
        *("--callers", str(folder / "callers.toml"), "--api-keys", str(folder / "keys")),
        *("--tls-certificate", str(issued.certificate), "--tls-key", str(issued.key)),
        *("--tls-client-ca", str(authority.ca), "--http", "127.0.0.1:0"),
    ) as (process, address):
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        http = line.removeprefix(READY_PREFIX).strip()
        yield Running(address, http, authority.ca, client, issuer, key, folder / "callers.toml")


async def test_three_ways_to_say_who_one_is(server: Running) -> None:
    for bearer in (server.key, server.issuer.token(), ""):
        async with server.client(bearer) as client:
            assert (await client.info()).model.name == "starter"
        assert await server.get("/v1/models", bearer) == (200, "")
    async with connect(server.http, ssl=server.tls) as session:
        await session.open("es")


async def test_what_is_not_valid_is_refused_by_both_transports(server: Running) -> None:
    refused = {
        new_key(): "not valid",
        server.issuer.token(exp=1): "expired",
        server.issuer.unsigned_token(): "not taken",
        server.issuer.confused_token(): "not taken",
        Issuer("stranger").token(): "not known",
        server.issuer.token(iss="https://elsewhere.example/"): "trusts",
        server.issuer.token(sub="mallory"): "revoked",
    }
    for bearer, reason in refused.items():
        async with server.client(bearer) as client:
            with pytest.raises(Unauthenticated, match=reason):
                await client.info()
        assert await server.get("/v1/models", bearer) == (401, "invalid_api_key")


async def test_what_a_class_does_not_allow_is_denied_by_both_transports(server: Running) -> None:
    free = server.issuer.token(sub="carol")
    async with server.client(free) as client:
        with pytest.raises(PermissionDenied, match="scope translate"):
            await client.translate(text="Good morning.", source="eng", targets=["spa"]).result()
        assert (await client.info()).limits.max_targets == 1
        with pytest.raises(OutOfRange, match="more than 1 entries"):
            async with client.stream(targets=["spa", "fra"], sample_rate_hz=RATE_HZ):
                pass
    assert await server.get("/v1/realtime/client_secrets", free, "POST") == (403, "permission_denied")
    partner = server.issuer.token(sub="carol", plan="partner")
    for bearer in (partner, ""):
        async with server.client(bearer) as client:
            answer = await client.translate(text="Good morning.", source="eng", targets=["spa"]).result()
            assert answer.text["spa"]
    assert await server.get("/v1/realtime/client_secrets", partner, "POST") == (200, "")


async def test_too_much_audio_ends_a_stream_and_says_when_to_go_on(server: Running) -> None:
    async def talk_for_a_minute(client: AsyncClient) -> None:
        async with client.stream(targets=["spa"], sample_rate_hz=RATE_HZ) as stream:
            reading = asyncio.create_task(_read(stream))
            for _ in range(60):
                await stream.send(np.zeros(RATE_HZ, np.float32))
            await reading

    async with server.client(server.issuer.token(sub="frank")) as client:
        with pytest.raises(ResourceExhausted, match="90 s of audio a minute") as ended:
            await talk_for_a_minute(client)
        assert 1 < ended.value.retry_after_s <= (20 + 1) / 1.5
        with pytest.raises(ResourceExhausted, match="90 s of audio a minute"):
            await talk_for_a_minute(client)


async def test_a_stream_goes_on_when_its_caller_has_audio_again(server: Running) -> None:
    """Nothing is lost, and nothing comes twice. The class is new: the server reads the file again."""
    slow = "\n[classes.slow]\naudio_s_per_minute = 900\naudio_burst_s = 5\n"
    server.file.write_text(server.file.read_text() + slow)
    said, rate_hz = read_audio(ROOT / "tests" / "data" / "eng_1.flac")
    said = np.concatenate([said, np.zeros(rate_hz, np.float32)])

    async def texts(**claims: Any) -> list[str]:
        async with (
            server.client(server.issuer.token(**claims)) as client,
            client.stream(targets=["spa"], sample_rate_hz=rate_hz, resume=True) as stream,
        ):
            reading = asyncio.create_task(_texts(stream))
            for _ in range(3):
                await stream.send(said)
            await stream.end()
            return await asyncio.wait_for(reading, 60)

    unlimited = await texts(sub="heidi", plan="partner")
    assert len(unlimited) == 3
    assert await texts(sub="grace", plan="slow") == unlimited


async def _texts(stream: AsyncStream) -> list[str]:
    """The text of each utterance."""
    texts: dict[int, str] = {}
    async for event in stream:
        if isinstance(event, TextDelta):
            texts[event.utterance_id] = texts.get(event.utterance_id, "") + event.delta
    return [texts[number] for number in sorted(texts)]


async def _read(stream: AsyncStream) -> None:
    async for _ in stream:
        pass


async def test_streams_of_all_front_processes_count_together(tmp_path: Path) -> None:
    keys, file, (alice, bob) = tmp_path / "keys", tmp_path / "callers.yaml", (new_key(), new_key())
    keys.write_text(f"{key_line('alice', alice)}\n{key_line('bob', bob)}\n")
    file.write_text("{default_class: free, classes: {free: {max_streams: 3}}}")
    async with (
        serving("--front-processes", "2", "--api-keys", str(keys), "--callers", str(file)) as (_, address),
        AsyncExitStack() as stack,
    ):

        async def connected(key: str) -> AsyncClient:
            """A connection of its own: the kernel picks the process."""
            return await stack.enter_async_context(AsyncClient(address, ClientOptions(api_key=key)))

        async def opened(key: str) -> AsyncStream:
            stream = (await connected(key)).stream(targets=["spa"], sample_rate_hz=RATE_HZ)
            return await stack.enter_async_context(stream)

        everywhere = [await connected(bob) for _ in range(12)]

        async def all_know_of(streams: int) -> None:
            """What callers use at the other process arrives together with this count."""
            async with asyncio.timeout(60):
                for client in everywhere:
                    while (await client.info()).load.live_streams != streams:  # noqa: ASYNC110
                        await asyncio.sleep(0.05)

        streams = [await opened(alice) for _ in range(3)]
        await all_know_of(3)
        for _ in range(8):
            with pytest.raises(ResourceExhausted, match="3 streams of this caller are open"):
                await opened(alice)
        await opened(bob)
        await streams[0].end()
        assert [event async for event in streams[0]]
        await all_know_of(3)
        await opened(alice)
