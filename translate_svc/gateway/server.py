"""The HTTP server: bind, serve, drain, stop."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from translate_svc.access.callers import Callers
from translate_svc.access.client_secrets import ClientSecrets
from translate_svc.addresses import is_local
from translate_svc.errors import InvalidArgument, TranslateSvcError
from translate_svc.gateway.authentication import Authenticator
from translate_svc.gateway.connections import ConnectionBound
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.files.endpoint import FilesEndpoint
from translate_svc.gateway.gemini.endpoint import PATHS as GEMINI_PATHS
from translate_svc.gateway.gemini.endpoint import GeminiEndpoint
from translate_svc.gateway.middleware import every_response, middleware
from translate_svc.gateway.models_endpoint import ModelsEndpoint
from translate_svc.gateway.options import GatewayOptions
from translate_svc.gateway.origins import Origins
from translate_svc.gateway.page.page_endpoint import PageEndpoint, SamplesEndpoint, StatusEndpoint
from translate_svc.gateway.realtime.endpoint import TRANSCRIPTION, TRANSLATION, RealtimeEndpoint
from translate_svc.gateway.realtime.secrets_endpoint import SecretsEndpoint
from translate_svc.gateway.telephone.endpoint import TelephoneEndpoint
from translate_svc.gateway.vosk.endpoint import VoskEndpoint
from translate_svc.gateway.webrtc.availability import Broadcasts, Calls, broadcasts_of, calls_of
from translate_svc.serving.listener import bound_address, listen, listen_at_socket
from translate_svc.serving.live_calls import DRAINING
from translate_svc.serving.protocols import TranslationService
from translate_svc.telephone.telephone_file import Telephone

_MAX_HEADER_BYTES = 16 * 1024
_MAX_JSON_BYTES = 64 * 1024


def refuse_plaintext(options: GatewayOptions, tls: ssl.SSLContext | None) -> None:
    """Raises InvalidArgument if audio and text would leave this machine in plaintext without ``insecure``."""
    protected = tls is not None or options.insecure or options.proxy is not None
    if not protected and not is_local(options.address):
        raise InvalidArgument(
            "is not loopback: give a certificate, or --insecure to serve plaintext", field="http"
        )


class GatewayServer:
    """The ``TransportServer`` of OpenAI's protocols: serves one ``TranslationService`` on one address.

    Use it as a context manager, or call ``start`` and ``stop``.
    """

    def __init__(
        self,
        service: TranslationService,
        options: GatewayOptions = GatewayOptions(),  # noqa: B008 - frozen
        tls: ssl.SSLContext | None = None,
        callers: Callers | None = None,
        secrets: ClientSecrets | None = None,
        telephone: Telephone | None = None,
    ) -> None:
        """``callers`` finds out who makes each call; None: callers are not asked. Anybody may load the page.

        ``secrets`` makes client secrets; by default they are valid in this process alone. ``telephone``: the
        providers of telephone calls; None: there are none.
        """
        refuse_plaintext(options, tls)
        self._options = options
        self._tls = tls
        self._is_secure = tls is not None or (options.proxy is not None and options.proxy.tls)
        self._authenticator = authenticator = Authenticator(
            callers or Callers(), secrets or ClientSecrets(), service.record_rejected
        )
        self._context = GatewayContext(service, options, self._authenticator)
        self._calls: Calls = calls_of(self._context)
        self._broadcasts: Broadcasts = broadcasts_of(self._context)
        self._telephone = telephone
        origins = Origins(
            options.origins,
            keys_required=lambda: authenticator.keys_required,
            is_secure=self._is_secure,
            is_local=not self._is_secure and is_local(options.address),
        )
        # aiohttp logs an error of its own if this ends in the turn of the loop in which a socket's close does
        shutdown_s = 2 * options.abort_timeout_s
        self._runner = web.AppRunner(
            self._application(origins), handler_cancellation=True, shutdown_timeout=shutdown_s
        )
        self._cleaning_up = asyncio.Lock()
        self._listening: asyncio.Server | None = None
        self._port = 0
        self._revoking: asyncio.Task[None] | None = None

    @property
    def _connection_options(self) -> Mapping[str, Any]:
        return {
            "access_log": None,
            "keepalive_timeout": self._options.request_timeout_s,
            "max_line_size": _MAX_HEADER_BYTES,
            "max_field_size": _MAX_HEADER_BYTES,
        }

    def _application(self, origins: Origins) -> web.Application:
        models, files = ModelsEndpoint(self._context), FilesEndpoint(self._context)
        application = web.Application(
            middlewares=[middleware(origins, self._options.proxy)], client_max_size=_MAX_JSON_BYTES
        )
        application.on_response_prepare.append(every_response(is_secure=self._is_secure))
        router = application.router
        router.add_get("/v1/models", models.list_models)
        router.add_get("/v1/models/{model}", models.get_model)
        for path, dialect in (("/v1/realtime/translations", TRANSLATION), ("/v1/realtime", TRANSCRIPTION)):
            router.add_get(path, RealtimeEndpoint(self._context, dialect).connect)
            router.add_post(f"{path}/client_secrets", SecretsEndpoint(self._context, dialect).create)
        router.add_post("/v1/realtime/translations/calls", self._calls.create)
        for path in ("/v1/realtime/translations/calls", "/v1/realtime/calls"):  # by `Location`; OpenAI's SDK
            router.add_post(f"{path}/{{call_id}}/hangup", self._calls.hang_up)
            router.add_post(f"{path}/{{call_id}}", self._calls.offer_again)
            router.add_delete(f"{path}/{{call_id}}", self._calls.hang_up)
            router.add_patch(f"{path}/{{call_id}}", self._calls.change)
        for path, answer in (("whip", self._broadcasts.publish), ("whep", self._broadcasts.listen)):
            router.add_post(f"/v1/{path}/{{room}}", answer)
            router.add_options(f"/v1/{path}/{{room}}", self._broadcasts.accepts)
            router.add_patch(f"/v1/{path}/{{room}}/{{name}}", self._broadcasts.change)
            router.add_delete(f"/v1/{path}/{{room}}/{{name}}", self._broadcasts.leave)
        router.add_get("/v1/vosk", VoskEndpoint(self._context).connect)
        gemini = GeminiEndpoint(self._context)
        for path in GEMINI_PATHS:
            router.add_get(path, gemini.connect)
            router.add_get(f"/{path}", gemini.connect)
        if self._telephone is not None:
            endpoint = TelephoneEndpoint(self._context, self._telephone)
            router.add_get("/v1/telephone/{provider}", endpoint.connect)
        router.add_post("/v1/audio/translations", files.translate)
        router.add_post("/v1/audio/transcriptions", files.transcribe)
        router.add_get("/status.json", StatusEndpoint(self._context).get)
        SamplesEndpoint().add_routes(router)
        PageEndpoint().add_routes(router)
        return application

    @property
    def target(self) -> str:
        """The address that a client connects to, as a URL; behind a proxy that is the proxy's affair."""
        host = self._options.address.rpartition(":")[0]
        return f"{'http' if self._tls is None else 'https'}://{host}:{self._port}"

    @property
    def live_streams(self) -> int:
        """Sessions and calls that are open now."""
        return len(self._context.calls)

    async def start(self) -> None:
        """Binds the address and serves.

        Raises:
            InvalidArgument: the address cannot be bound.
        """
        await self._runner.setup()
        assert self._runner.server is not None, "set up above"
        try:
            self._listening = await self._listen(
                ConnectionBound(self._runner.server, self._options.max_connections, self._connection_options)
            )
        except OSError:
            await self._runner.cleanup()
            raise InvalidArgument("cannot be bound", field="http") from None
        if self._authenticator.required:
            self._revoking = asyncio.create_task(self._context.calls.end_revoked())

    async def _listen(self, protocol: ConnectionBound) -> asyncio.Server:
        options = self._options
        if options.proxy is not None:
            return await listen_at_socket(protocol, options.proxy.socket)
        listening = await listen(
            protocol, options.host, options.port, tls=self._tls, reuse_port=options.reuse_port
        )
        _, self._port = bound_address(listening)
        return listening

    async def stop(self, grace_s: float, reason: TranslateSvcError = DRAINING) -> None:
        """Drains for up to ``grace_s``, then ends all remaining sessions. Idempotent.

        If called again with a shorter grace, the earlier deadline counts. The listener closes last.
        """
        await self._context.drain(grace_s, reason)
        await asyncio.gather(self._calls.stop(), self._broadcasts.stop())
        if self._revoking is not None:
            self._revoking.cancel()
        if self._listening is not None:
            self._listening.close()
        async with self._cleaning_up:  # aiohttp's fails where two run at once
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop(0)
