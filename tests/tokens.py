"""An issuer of tokens for tests: its keys, its key set and what it signs."""

from __future__ import annotations

import base64
import functools
import hashlib
import hmac
import json
import time
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

ISSUER, AUDIENCE = "https://login.example.org/", "translate-svc"


@functools.cache
def rsa_key(name: str, bits: int = 2_048) -> rsa.RSAPrivateKey:
    """The RSA key of this name. Making one takes a tenth of a second."""
    del name
    return rsa.generate_private_key(65_537, bits)


class Issuer:
    """Signs with an RSA key, an EC key and an Ed25519 key."""

    def __init__(self, name: str = "first") -> None:
        self.name = name
        self.rsa = rsa_key(name)
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.ed = ed25519.Ed25519PrivateKey.generate()

    def keys(self) -> list[dict[str, Any]]:
        """The public keys."""
        made: list[dict[str, Any]] = [
            json.loads(RSAAlgorithm.to_jwk(self.rsa.public_key())),
            json.loads(ECAlgorithm.to_jwk(self.ec.public_key())),
            json.loads(OKPAlgorithm.to_jwk(self.ed.public_key())),
        ]
        for kind, key in zip(("rsa", "ec", "ed"), made, strict=True):
            key["kid"] = f"{self.name}-{kind}"
            key.pop("key_ops", None)
        return made

    def key_set(self) -> str:
        """The key set, as JSON."""
        return json.dumps({"keys": self.keys()})

    def write(self, path: Path) -> Path:
        """Writes the key set to a file."""
        path.write_text(self.key_set())
        return path

    def token(self, algorithm: str = "RS256", headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token of alice for an hour; claims and headers that are None are left out."""
        now_s = int(time.time())
        whole = {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": now_s + 3_600} | claims
        kind, key = {"E": ("ec", self.ec), "R": ("rsa", self.rsa), "P": ("rsa", self.rsa)}.get(
            algorithm[0] if algorithm != "EdDSA" else "", ("ed", self.ed)
        )
        signer: Any = key
        named = {"kid": f"{self.name}-{kind}"} | (headers or {})
        return jwt.encode(
            {name: value for name, value in whole.items() if value is not None},
            signer,
            algorithm,
            headers={name: value for name, value in named.items() if value is not None},
        )

    def confused_token(self, **claims: Any) -> str:
        """A token signed by HMAC with the public RSA key as its secret: the key is known to everybody."""
        secret = self.rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        payload = _payload(claims)
        signed = _encoded({"alg": "HS256", "typ": "JWT", "kid": f"{self.name}-rsa"}) + "." + _encoded(payload)
        return f"{signed}.{_base64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"

    def unsigned_token(self, algorithm: str = "none", **claims: Any) -> str:
        """A token without a signature."""
        header = {"alg": algorithm, "typ": "JWT", "kid": f"{self.name}-rsa"}
        return f"{_encoded(header)}.{_encoded(_payload(claims))}."


def _payload(claims: dict[str, Any]) -> dict[str, Any]:
    return {"iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "exp": int(time.time()) + 3_600} | claims


def _encoded(value: dict[str, Any]) -> str:
    return _base64(json.dumps(value).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
