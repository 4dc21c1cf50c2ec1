"""``/v1/telephone/{provider}``: a WebSocket for each call."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from aiohttp import hdrs, web

from translate_svc.access.callers import Identified
from translate_svc.errors import Unauthenticated
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.telephone.asterisk import AsteriskChannel
from translate_svc.gateway.telephone.dialect import PhoneDialect
from translate_svc.gateway.telephone.media_streams import MediaStreams, TelnyxStreams
from translate_svc.gateway.telephone.phone_socket import PhoneSocket
from translate_svc.gateway.telephone.signature import is_signed
from translate_svc.gateway.web_socket import WebSocket, serve_socket
from translate_svc.telephone.phone_call import PhoneCall
from translate_svc.telephone.telephone_file import Provider, Telephone, TelephoneFile
from translate_svc.types import ANONYMOUS, Scope

DIALECTS: Mapping[str, Callable[[], PhoneDialect]] = MappingProxyType(
    {
        "twilio": MediaStreams,
        "signalwire": MediaStreams,
        "telnyx": TelnyxStreams,
        "asterisk": AsteriskChannel,
    }
)
"""By the name of the provider, which is that of its section in the operator's file."""


class TelephoneEndpoint:
    """Opens a call for each WebSocket of a provider that the operator's file names."""

    def __init__(self, context: GatewayContext, telephone: Telephone) -> None:
        """Raises InvalidArgument: the file names a language that the loaded checkpoint does not have."""
        self._context = context
        self._telephone = telephone
        telephone.serve(context.languages)

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """An upgrade to a WebSocket.

        Raises:
            Unauthenticated: it is not from the provider.
        """
        file, name = self._telephone.file, request.match_info["provider"]
        provider: Provider | None = getattr(file, name) if name in DIALECTS else None
        if provider is None:
            raise web.HTTPNotFound
        self._check_secret(request, file, name, provider)

        async def serve(socket: WebSocket) -> None:
            await self._serve(request, file, provider, PhoneSocket(socket, DIALECTS[name]()))

        return await serve_socket(request, self._context.options, serve, events=False)

    def _check_secret(self, request: web.Request, file: TelephoneFile, name: str, provider: Provider) -> None:
        if not provider.secrets:
            return
        match name:
            case "twilio":
                origin = file.public_url or f"wss://{request.host}"
                url, signature = origin.rstrip("/") + request.raw_path, "X-Twilio-Signature"
                known = is_signed(url, request.headers.get(signature, ""), provider.secrets)
            case "telnyx":
                known = provider.knows(request.headers.get("X-Telnyx-Streaming-Auth-Token", ""))
            case _:
                known = provider.knows(_credential(request))
        if not known:
            error = Unauthenticated(f"the request does not prove to be from {name}")
            self._context.service.record_rejected(error)
            raise error

    async def _serve(
        self, request: web.Request, file: TelephoneFile, provider: Provider, socket: PhoneSocket
    ) -> None:
        context = self._context
        call = PhoneCall(context.service, context.calls, context.options, socket)
        who = await self._caller(request, provider, _credential(request) or request.query.get("key", ""))
        async with context.opening(who.caller if who else ANONYMOUS):
            started = await call.started()
            if started is None:
                return
            parameters = dict(request.query) | dict(started.parameters)
            if who is None:
                who = await context.authenticator.holder(parameters.get("key", ""), Scope.STREAM)
            first = file.first_settings(replace(started, parameters=parameters))
            keys = file.key_settings(first)
            chosen = await call.chosen(first, keys)
        if chosen is not None:
            await call.run(started, chosen, keys, who)

    async def _caller(self, request: web.Request, provider: Provider, key: str) -> Identified | None:
        """Who calls, if the request says so; else the first message may."""
        authenticator = self._context.authenticator
        if provider.caller is not None:
            return authenticator.vouched(provider.caller, Scope.STREAM)
        if key or not authenticator.required:
            return await authenticator.holder(key, Scope.STREAM)
        return None


def _credential(request: web.Request) -> str:
    """What follows ``Bearer``, or the password of ``Basic``; empty: neither."""
    scheme, _, given = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
    if scheme.lower() == "bearer":
        return given.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(given, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""
