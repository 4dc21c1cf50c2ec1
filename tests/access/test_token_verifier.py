"""Which tokens are taken, and which are refused."""

from __future__ import annotations

import base64
import json
import time
from pathlib import Path
from typing import Any

import pytest
from jwt.algorithms import RSAAlgorithm

from tests.tokens import AUDIENCE, ISSUER, Issuer, rsa_key
from translate_svc.access.caller_file import TokenIssuer
from translate_svc.access.key_sets import FileKeySet
from translate_svc.access.token_verifier import TokenVerifier, issuer_of
from translate_svc.errors import InvalidArgument, Unauthenticated
from translate_svc.types import Scope

US = Issuer()
STRANGER = Issuer("stranger")
SKEW_S = 30


def settings(**changes: Any) -> TokenIssuer:
    values: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": [AUDIENCE, "other-name"],
        "algorithms": ["RS256", "ES256", "EdDSA"],
        "key_set": "keys.json",
        "clock_skew_s": SKEW_S,
    }
    return TokenIssuer(**values | changes)


@pytest.fixture
def key_set(tmp_path: Path) -> Path:
    return US.write(tmp_path / "keys.json")


@pytest.fixture
def verifier(key_set: Path) -> TokenVerifier:
    return TokenVerifier(settings(), FileKeySet(key_set))


def in_s(seconds: float) -> int:
    return int(time.time() + seconds)


def resigned(token: str, **claims: Any) -> str:
    """The token with other claims under the old signature."""
    head, payload, signature = token.split(".")
    found = json.loads(base64.urlsafe_b64decode(payload + "=="))
    changed = base64.urlsafe_b64encode(json.dumps(found | claims).encode()).rstrip(b"=").decode()
    return f"{head}.{changed}.{signature}"


TAKEN = {
    "RSA": lambda: US.token(),
    "elliptic curve": lambda: US.token("ES256"),
    "Ed25519": lambda: US.token("EdDSA"),
    "one audience of several": lambda: US.token(aud=["elsewhere", "other-name"]),
    "expired within the skew": lambda: US.token(exp=in_s(5 - SKEW_S)),
    "not yet valid within the skew": lambda: US.token(nbf=in_s(SKEW_S - 5)),
    "issued ahead within the skew": lambda: US.token(iat=in_s(SKEW_S - 5)),
    "an access token": lambda: US.token(headers={"typ": "at+jwt"}),
}


@pytest.mark.parametrize("make", TAKEN.values(), ids=TAKEN)
async def test_taken(verifier: TokenVerifier, make: Any) -> None:
    found = await verifier.verify(make())
    assert found.name == "alice"
    assert found.class_name is None
    assert found.scopes == frozenset(Scope)


REFUSED = {
    "expired": (lambda: US.token(exp=in_s(-SKEW_S - 5)), "has expired"),
    "not yet valid": (lambda: US.token(nbf=in_s(SKEW_S + 5)), "not valid yet"),
    "issued in the future": (lambda: US.token(iat=in_s(SKEW_S + 5)), "not valid yet"),
    "without an end": (lambda: US.token(exp=None), "lacks a claim"),
    "an end that is no number": (lambda: US.token(exp="soon"), "not valid"),
    "an end without end": (lambda: US.token(exp=float("inf")), "not valid"),
    "of another issuer": (lambda: US.token(iss="https://evil.example/"), "not valid"),
    "of no issuer": (lambda: US.token(iss=None), "lacks a claim"),
    "for another service": (lambda: US.token(aud="elsewhere"), "another service"),
    "for no service": (lambda: US.token(aud=None), "lacks a claim"),
    "for a part of the name": (lambda: US.token(aud="translate"), "another service"),
    "an algorithm that is not on the list": (lambda: US.token("PS256"), "not taken"),
    "none": (lambda: US.unsigned_token(), "not taken"),
    "None": (lambda: US.unsigned_token("None"), "not taken"),
    "RS256 without a signature": (lambda: US.unsigned_token("RS256"), "not valid"),
    "HMAC with the public key as secret": (lambda: US.confused_token(), "not taken"),
    "ES256 that names the RSA key": (lambda: US.token("ES256", {"kid": "first-rsa"}), "not known"),
    "a key that is not known": (lambda: STRANGER.token(), "not known"),
    "a stranger's key under our id": (lambda: STRANGER.token(headers={"kid": "first-rsa"}), "not valid"),
    "a key that it brings itself": (
        lambda: STRANGER.token(headers={"kid": "first-rsa", "jwk": STRANGER.keys()[0]}),
        "not valid",
    ),
    "a critical extension": (lambda: US.token(headers={"crit": ["x"], "x": 1}), "not "),
    "a token of another kind": (lambda: US.token(headers={"typ": "logout+jwt"}), "not valid"),
    "other claims under the signature": (lambda: resigned(US.token(), sub="bob"), "not valid"),
    "a cut signature": (lambda: US.token()[:-4], "not valid"),
    "nobody's": (lambda: US.token(sub=None), "lacks a claim"),
    "an empty name": (lambda: US.token(sub=""), "name"),
    "a name of two lines": (lambda: US.token(sub="alice\nbob"), "name"),
    "a name that is too long": (lambda: US.token(sub="a" * 257), "name"),
    "no token": (lambda: "a.b.c", "not valid"),
    "nothing but dots": (lambda: "..", "not valid"),
    "nesting without end": (lambda: f"{'W1tb' * 900}.e30.e30", "not valid"),
}


@pytest.mark.parametrize(("make", "reason"), REFUSED.values(), ids=REFUSED)
async def test_refused(verifier: TokenVerifier, make: Any, reason: str) -> None:
    token = make()
    with pytest.raises(Unauthenticated, match=reason) as refusal:
        await verifier.verify(token)
    assert token not in str(refusal.value)
    assert "alice" not in str(refusal.value)


async def test_a_confused_token_is_refused_by_the_key_too(key_set: Path) -> None:
    """Even where somebody got HS256 onto the list, an RSA key does not fit it."""
    careless = settings().model_copy(update={"algorithms": ["HS256", "none", "RS256"]})
    verifier = TokenVerifier(careless, FileKeySet(key_set))
    for token in (US.confused_token(), US.unsigned_token()):
        with pytest.raises(Unauthenticated, match="not known"):
            await verifier.verify(token)


async def test_a_key_is_replaced(verifier: TokenVerifier, key_set: Path) -> None:
    new = Issuer("second")
    with pytest.raises(Unauthenticated, match="not known"):
        await verifier.verify(new.token())
    key_set.write_text(json.dumps({"keys": US.keys() + new.keys()}))  # noqa: ASYNC240
    assert (await verifier.verify(new.token())).name == "alice"
    assert (await verifier.verify(US.token())).name == "alice"
    new.write(key_set)
    assert (await verifier.verify(new.token())).name == "alice"
    with pytest.raises(Unauthenticated, match="not known"):
        await verifier.verify(US.token())


async def test_a_token_need_not_name_its_key_where_there_is_one(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": US.keys()}))
    verifier = TokenVerifier(settings(), FileKeySet(path))
    assert (await verifier.verify(US.token(headers={"kid": None}))).name == "alice"
    path.write_text(json.dumps({"keys": US.keys() + STRANGER.keys()}))
    with pytest.raises(Unauthenticated, match="not known"):
        await verifier.verify(US.token(headers={"kid": None}))


async def test_class_name_and_scopes_are_claims_of_the_operators_choice(key_set: Path) -> None:
    chosen = settings(
        name_claim="client_id", class_claim="plan", scope_claim="scope", scope_prefix="translate:"
    )
    verifier = TokenVerifier(chosen, FileKeySet(key_set))
    claims: dict[str, Any] = {"client_id": "app-7", "plan": "partner", "sub": None}
    found = await verifier.verify(US.token(**claims, scope="translate:stream openid stream translate:info"))
    assert (found.name, found.class_name) == ("app-7", "partner")
    assert found.scopes == {Scope.STREAM, Scope.INFO}
    as_list = await verifier.verify(US.token(**claims, scope=["translate:secrets", 7]))
    assert as_list.scopes == {Scope.SECRETS}
    assert (await verifier.verify(US.token(**claims))).scopes == frozenset()
    with pytest.raises(Unauthenticated):
        await verifier.verify(US.token(**claims | {"plan": ["partner"]}))


def test_whose_token_it_claims_to_be() -> None:
    assert issuer_of(US.token()) == ISSUER
    assert issuer_of(US.token(iss=None)) == ""
    assert issuer_of("a.b.c") == ""


def test_a_weak_key_is_refused(tmp_path: Path) -> None:
    weak = json.loads(RSAAlgorithm.to_jwk(rsa_key("weak", 1_024).public_key()))
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [weak]}))
    with pytest.raises(InvalidArgument, match="less than 2048 bits"):
        FileKeySet(path)


def test_a_file_of_keys_that_cannot_be_read_is_not_taken_for_that_of_callers(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidArgument, match=r"^callers: the key set keyz\.json cannot be read: No such file"
    ):
        FileKeySet(tmp_path / "keyz.json")
    (tmp_path / "keys.json").write_bytes(b"\xff")
    with pytest.raises(InvalidArgument, match=r"^callers: the key set keys\.json is not UTF-8 text$"):
        FileKeySet(tmp_path / "keys.json")
