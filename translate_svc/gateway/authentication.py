"""Who calls: keys, tokens and client secrets in headers and subprotocols of WebSockets, or a certificate."""

from __future__ import annotations

import functools
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from aiohttp import hdrs, web

from translate_svc.access.callers import Callers, Credentials, Identified
from translate_svc.access.client_secrets import PREFIX, ClientSecrets
from translate_svc.errors import TranslateSvcError
from translate_svc.types import Caller, Scope

_KEY_SUBPROTOCOL = "openai-insecure-api-key."
"""Browsers cannot set headers on a WebSocket; the key follows this."""

_SCHEME = "bearer"


class SessionCaller(NamedTuple):
    """Who opens a session. ``session``: the settings that a client secret brings; None without one."""

    who: Identified
    session: dict[str, Any] | None


class Authenticator:
    """Finds the caller of a request."""

    def __init__(
        self,
        callers: Callers,
        secrets: ClientSecrets,
        on_rejected: Callable[[BaseException], None],
    ) -> None:
        """``on_rejected`` gets the error of every refusal."""
        self._callers = callers
        self._on_rejected = on_rejected
        self.secrets = secrets
        """The client secrets of this server."""

    @property
    def required(self) -> bool:
        """Whether callers must say who they are."""
        return self._callers.required

    @property
    def keys_required(self) -> bool:
        """Whether each call must bring a key or token. A browser shows a certificate for every page."""
        return self._callers.required and not self._callers.by_certificate

    async def identified(self, request: web.Request, scope: Scope) -> Identified:
        """The caller of a request that a client secret must not make.

        Raises:
            Unauthenticated: the server asks who calls, and the request does not say so.
            PermissionDenied: the caller is not allowed to.
            Unavailable: the keys of a token's issuer are not known now.
        """
        with self._counted():
            return await self._identify(_bearer(request), request, scope)

    async def session_caller(self, request: web.Request, scope: Scope) -> SessionCaller:
        """The caller of a realtime session, or of what a page shows beside it. A client secret will do.

        Raises:
            Unauthenticated, PermissionDenied, Unavailable: as ``identified``.
        """
        with self._counted():
            bearer = _bearer(request)
            if bearer.startswith(PREFIX):
                secret = self.secrets.open(bearer)
                return SessionCaller(self._callers.restored(secret.caller, scope), secret.session)
            return SessionCaller(await self._identify(bearer, request, scope), None)

    async def holder(self, key: str, scope: Scope) -> Identified:
        """The caller whose key or token came in another place than a header.

        Raises:
            Unauthenticated, PermissionDenied, Unavailable: as ``identified``.
        """
        with self._counted():
            return await self._callers.identify(Credentials(key), scope)

    def vouched(self, name: str, scope: Scope) -> Identified:
        """The caller ``name``, whom somebody has proved to be whom the server trusts.

        Raises:
            Unauthenticated, PermissionDenied: as ``identified``.
        """
        with self._counted():
            return self._callers.restored(Caller(name), scope)

    async def _identify(self, bearer: str, request: web.Request, scope: Scope) -> Identified:
        credentials = Credentials(bearer, functools.partial(_certificate, request))
        return await self._callers.identify(credentials, scope)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        try:
            yield
        except TranslateSvcError as error:
            self._on_rejected(error)
            raise


def _certificate(request: web.Request) -> bytes | None:
    """The client's certificate in DER; None without one."""
    tls = request.get_extra_info("ssl_object")
    return tls.getpeercert(binary_form=True) if isinstance(tls, ssl.SSLObject) else None


def _bearer(request: web.Request) -> str:
    """The key, token or secret that a request brings in its header or its subprotocols; empty: none."""
    scheme, _, key = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == _SCHEME and key.strip():
        return key.strip()
    for value in request.headers.getall(hdrs.SEC_WEBSOCKET_PROTOCOL, []):
        for name in value.split(","):
            if (key := name.strip()).startswith(_KEY_SUBPROTOCOL):
                return key.removeprefix(_KEY_SUBPROTOCOL)
    return ""
