"""Who calls: API keys in headers and in subprotocols of WebSockets."""

from __future__ import annotations

from aiohttp import hdrs, web

from translate_svc.access.api_keys import ApiKeys
from translate_svc.errors import Unauthenticated
from translate_svc.types import ANONYMOUS, Caller

_KEY_SUBPROTOCOL = "openai-insecure-api-key."
"""Browsers cannot set headers on a WebSocket; the key follows this."""

_SCHEME = "bearer"


class Authenticator:
    """Finds the caller of a request."""

    def __init__(self, keys: ApiKeys | None) -> None:
        """Without ``keys`` every caller is anonymous."""
        self._keys = keys

    def caller(self, request: web.Request) -> Caller:
        """The caller of a request.

        Raises:
            Unauthenticated: the server has keys, and the request has none of them.
        """
        if self._keys is None:
            return ANONYMOUS
        return Caller(self._keys.authenticate(credential(request)))


def credential(request: web.Request) -> str:
    """The key that a request brings, from its header or its subprotocols.

    Raises:
        Unauthenticated: there is none.
    """
    scheme, _, key = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == _SCHEME and key.strip():
        return key.strip()
    for value in request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, []):
        for name in value.split(","):
            if (key := name.strip()).startswith(_KEY_SUBPROTOCOL):
                return key.removeprefix(_KEY_SUBPROTOCOL)
    raise Unauthenticated("send an API key, as the header `Authorization: Bearer KEY`")
