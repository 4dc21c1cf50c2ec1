"""Twilio's signature of a request (Twilio, "Webhooks security"): HMAC-SHA1 of its URL with an auth token."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit, urlunsplit

_PORT = ":443"


def is_signed(url: str, signature: str, tokens: Iterable[str]) -> bool:
    """Whether ``signature`` is that of ``url`` with one of the tokens. Takes the same time for all.

    Twilio signs the URL that it was told, which may name the standard port or end in a slash where ``url``
    does not.
    """
    given = signature.encode()
    signatures = [_signature(each, token) for token in tokens for each in _spellings(url)]
    matches = [hmac.compare_digest(each, given) for each in signatures]
    return any(matches)


def _signature(url: str, token: str) -> bytes:
    return base64.b64encode(hmac.new(token.encode(), url.encode(), hashlib.sha1).digest())


def _spellings(url: str) -> Iterator[str]:
    parts = urlsplit(url)
    bare = parts.netloc.removesuffix(_PORT)
    path = parts.path.rstrip("/")
    for host in (bare, bare + _PORT):
        for each in (path, path + "/"):
            yield urlunsplit(parts._replace(netloc=host, path=each))
