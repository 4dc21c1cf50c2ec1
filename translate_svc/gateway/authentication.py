"""Who calls: API keys and client secrets, in headers and in subprotocols of WebSockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from aiohttp import hdrs, web

from translate_svc.access.api_keys import ApiKeys
from translate_svc.access.client_secrets import PREFIX, ClientSecrets
from translate_svc.errors import Unauthenticated
from translate_svc.types import ANONYMOUS, Caller

_KEY_SUBPROTOCOL = "openai-insecure-api-key."
"""Browsers cannot set headers on a WebSocket; the key follows this."""

_SCHEME = "bearer"


class SessionCaller(NamedTuple):
    """Who opens a session. ``session``: the settings that a client secret brings; None with an API key."""

    caller: Caller
    session: dict[str, Any] | None


class Authenticator:
    """Finds the caller of a request."""

    def __init__(
        self,
        keys: ApiKeys | None,
        secrets: ClientSecrets,
        on_rejected: Callable[[BaseException], None],
    ) -> None:
        """Without ``keys`` every caller is anonymous. ``on_rejected`` gets the error of every refusal."""
        self._keys = keys
        self._on_rejected = on_rejected
        self.secrets = secrets
        """The client secrets of this server."""

    @property
    def keys_required(self) -> bool:
        """Whether callers need a key."""
        return self._keys is not None

    def caller(self, request: web.Request) -> Caller:
        """The caller of a request that a client secret must not make.

        Raises:
            Unauthenticated: the server has keys, and the request has none of them.
        """
        if self._keys is None:
            return ANONYMOUS
        with self._counted():
            return Caller(self._keys.authenticate(_credential(request)))

    def session_caller(self, request: web.Request) -> SessionCaller:
        """The caller of a realtime session, or of what a page shows beside it, by API key or client secret.

        Raises:
            Unauthenticated: the server has keys, and the request has none of them and no valid secret.
        """
        with self._counted():
            credential = _credential(request, required=self._keys is not None)
            if credential.startswith(PREFIX):
                secret = self.secrets.open(credential)
                return SessionCaller(secret.caller, secret.session)
        return SessionCaller(self.caller(request), None)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except Unauthenticated as error:
            self._on_rejected(error)
            raise


def _credential(request: web.Request, *, required: bool = True) -> str:
    """The key or secret that a request brings, from its header or its subprotocols; empty if there is none.

    Raises:
        Unauthenticated: it is ``required``, and there is none.
    """
    scheme, _, key = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == _SCHEME and key.strip():
        return key.strip()
    for value in request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, []):
        for name in value.split(","):
            if (key := name.strip()).startswith(_KEY_SUBPROTOCOL):
                return key.removeprefix(_KEY_SUBPROTOCOL)
    if required:
        raise Unauthenticated("send an API key, as the header `Authorization: Bearer KEY`")
    return ""
