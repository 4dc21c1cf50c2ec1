"""Key sets: what they may hold, and how often an address is asked."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from tests.certificates import Authority
from tests.tokens import Issuer
from tests.virtual_time import virtual_time
from translate_svc.access.key_sets import PublicKey, RemoteKeySet, address_fetcher, parse_key_set
from translate_svc.errors import InvalidArgument, Unavailable

US, NEXT = Issuer(), Issuer("second")
RSA, EC, ED = US.keys()


def text_of(*keys: dict[str, Any]) -> str:
    return json.dumps({"keys": list(keys)})


def test_each_key_fits_its_algorithms_alone() -> None:
    fitting = {key.key_id: key.algorithms for key in parse_key_set(US.key_set())}
    assert fitting == {
        "first-rsa": {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"},
        "first-ec": {"ES256"},
        "first-ed": {"EdDSA"},
    }
    (narrowed,) = parse_key_set(text_of(RSA | {"alg": "PS256", "use": "sig", "key_ops": ["verify"]}))
    assert narrowed.algorithms == {"PS256"}


@pytest.mark.parametrize(
    "other",
    [
        {"kty": "oct", "k": "c2VjcmV0", "kid": "shared"},
        {"kty": "EC2"},
        RSA | {"use": "enc"},
        RSA | {"key_ops": ["encrypt"]},
        RSA | {"alg": "RSA-OAEP"},
        RSA | {"alg": "HS256"},
        EC | {"crv": "secp256k1"},
        ED | {"crv": "X25519"},
    ],
)
def test_keys_for_something_else_are_left_out(other: dict[str, Any]) -> None:
    assert [key.key_id for key in parse_key_set(text_of(other, EC | {"kid": "ours"}))] == ["ours"]
    with pytest.raises(InvalidArgument, match="no key for signatures"):
        parse_key_set(text_of(other))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a JSON Web Key Set"),
        ("[]", "not a JSON Web Key Set"),
        ('{"keys": {}}', "not a JSON Web Key Set"),
        ("[" * 100_000, "not a JSON Web Key Set"),
        (" " * 300_000 + US.key_set(), "not a JSON Web Key Set"),
        (json.dumps({"keys": [RSA] * 129}), "not a JSON Web Key Set"),
        (text_of(RSA | {"d": "AQAB"}), "private key"),
        (text_of(RSA | {"n": "!"}), "damaged"),
        (text_of({name: value for name, value in RSA.items() if name != "e"}), "damaged"),
        (text_of(EC | {"x": EC["y"]}), "damaged"),
    ],
    ids=range(10),
)
def test_a_set_that_cannot_be_used_is_refused(text: str, said: str) -> None:
    with pytest.raises(InvalidArgument, match=said) as refusal:
        parse_key_set(text)
    assert refusal.value.field == "callers"


class Address:
    """Answers with ``text`` after ``delay_s``, or fails."""

    def __init__(self) -> None:
        self.text = US.key_set()
        self.delay_s = 0.1
        self.fails = False
        self.asked = 0

    async def fetch(self) -> str:
        self.asked += 1
        await asyncio.sleep(self.delay_s)
        if self.fails:
            raise OSError("nobody there")
        return self.text


def remote(address: Address, refresh_s: float = 300.0) -> RemoteKeySet:
    return RemoteKeySet(address.fetch, refresh_s, asyncio.get_running_loop().time)


async def find(keys: RemoteKeySet, key_id: str) -> PublicKey | None:
    return await keys.find(key_id, "RS256")


def test_old_keys_are_used_while_newer_ones_are_fetched() -> None:
    async def scenario() -> None:
        address, loop = Address(), asyncio.get_running_loop()
        keys = remote(address)
        await find(keys, "first-rsa")
        await asyncio.sleep(301)
        began_s = loop.time()
        assert await find(keys, "first-rsa")
        assert loop.time() == began_s, "nobody waits for the refresh"
        await asyncio.sleep(1)
        assert address.asked == 2

    with virtual_time() as runner:
        runner.run(scenario())


def test_a_new_key_is_found_at_once_and_strangers_cannot_make_it_ask_often() -> None:
    async def scenario() -> None:
        address, loop = Address(), asyncio.get_running_loop()
        keys = remote(address)
        await find(keys, "first-rsa")
        await asyncio.sleep(20)
        address.text = json.dumps({"keys": US.keys() + NEXT.keys()})
        assert await find(keys, "second-rsa"), "long before it would be refreshed"
        assert address.asked == 2
        for number in range(1_000):
            began_s = loop.time()
            assert await find(keys, f"stranger-{number}") is None
            assert loop.time() - began_s < 1
            await asyncio.sleep(0.05)
        assert address.asked <= 2 + 60 / 10

    with virtual_time() as runner:
        runner.run(scenario())


def test_an_address_that_fails_leaves_the_old_keys_in_force(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        address = Address()
        keys = remote(address)
        await find(keys, "first-rsa")
        for failure in ("fails", "garbage"):
            address.fails, address.text = failure == "fails", "garbage"
            await asyncio.sleep(400)
            assert await find(keys, "first-rsa")
            await asyncio.sleep(1)
        assert await find(keys, "first-rsa")

    with caplog.at_level(logging.ERROR), virtual_time() as runner:
        runner.run(scenario())
    assert [record.getMessage() for record in caplog.records] == [
        "a key set could not be fetched (OSError); the keys known before stay in force",
        "a key set could not be fetched (callers: the key set is not a JSON Web Key Set); "
        "the keys known before stay in force",
    ]


def test_without_any_key_a_call_waits_a_short_time() -> None:
    async def scenario() -> None:
        address, loop = Address(), asyncio.get_running_loop()
        address.delay_s = 100
        keys = remote(address)
        for longest_s in (
            3.0,
            3.0,
            0.0,
        ):  # a fetch is given up after 5 s, the next comes after 10 s
            began_s = loop.time()
            with pytest.raises(Unavailable):
                await find(keys, "first-rsa")
            assert loop.time() - began_s <= longest_s
        address.delay_s = 0.1
        await asyncio.sleep(10)
        assert await find(keys, "first-rsa")

    with virtual_time() as runner:
        runner.run(scenario())


@pytest.fixture
async def https(tmp_path: Path) -> AsyncIterator[tuple[str, Path]]:
    """An https server with key sets, good and bad, and its authority."""

    async def good(request: web.Request) -> web.Response:
        return web.Response(text=US.key_set())

    async def moved(request: web.Request) -> web.Response:
        raise web.HTTPFound("/good")

    async def long(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(16):
            await response.write(bytes(64 * 1024))
        return response

    authority = Authority(tmp_path)
    identity = authority.issue("server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity.certificate, identity.key)
    application = web.Application()
    for name, handler in (("good", good), ("moved", moved), ("long", long)):
        application.router.add_get(f"/{name}", handler)
    runner = web.AppRunner(application, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    yield f"https://127.0.0.1:{runner.addresses[0][1]}", authority.ca
    await runner.cleanup()


async def test_an_address_is_asked_with_care(https: tuple[str, Path]) -> None:
    address, ca = https
    assert json.loads(await address_fetcher(f"{address}/good", ca)())["keys"]
    with pytest.raises(InvalidArgument, match="status 302"):
        await address_fetcher(f"{address}/moved", ca)()
    with pytest.raises(InvalidArgument, match="too long"):
        await asyncio.wait_for(address_fetcher(f"{address}/long", ca)(), 10)
    with pytest.raises(OSError, match="certificate verify failed"):
        await address_fetcher(f"{address}/good", None)()
    with pytest.raises(InvalidArgument, match="key_set_ca"):
        address_fetcher(address, ca.parent / "missing.pem")
