"""Gemini's Live API: a WebSocket for each session, which is a live translation."""

from __future__ import annotations

from aiohttp import web

from translate_svc.access.callers import Identified
from translate_svc.errors import InvalidArgument, TranslateSvcError
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.gemini.close_codes import live_close_code
from translate_svc.gateway.gemini.live_input import LiveInput
from translate_svc.gateway.gemini.live_message import LiveMessage
from translate_svc.gateway.gemini.live_output import INPUT, OUTPUT, LiveOutput
from translate_svc.gateway.gemini.live_setup import LiveSetup, in_gemini_terms
from translate_svc.gateway.gemini.session_handle import SessionHandle
from translate_svc.gateway.web_socket import WebSocket, serve_socket
from translate_svc.serving.protocols import StreamSession
from translate_svc.serving.stream_driver import StreamDriver
from translate_svc.types import (
    Caller,
    Scope,
    StreamConfig,
    StreamSettings,
    UpdateInput,
)

_GEMINI = "/ws/google.ai.generativelanguage.{}.GenerativeService.BidiGenerateContent"
_VERTEX = "/ws/google.cloud.aiplatform.{}.LlmBidiService/BidiGenerateContent"
PATHS = (*map(_GEMINI.format, ("v1", "v1beta", "v1alpha")), *map(_VERTEX.format, ("v1", "v1beta1")))
"""Where clients of the Gemini API and of Vertex AI connect, behind the address that they are given. One that
ends with a slash gives them two.
"""

_KEY_HEADER = "x-goog-api-key"


class GeminiEndpoint:
    """Opens a session for each WebSocket."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """An upgrade. A key comes in ``x-goog-api-key``, as ``key`` of the query or as a bearer token."""

        async def serve(socket: WebSocket) -> None:
            who = await self._caller(request)
            async with self._context.opening(who.caller):
                setup = await self._setup(socket)
            if setup is not None:
                await self._translate(socket, who, setup)

        return await serve_socket(
            request, self._context.options, serve, events=False, close_code=live_close_code
        )

    async def _caller(self, request: web.Request) -> Identified:
        if key := request.headers.get(_KEY_HEADER, "") or request.query.get("key", ""):
            return await self._context.authenticator.holder(key, Scope.STREAM)
        return await self._context.authenticator.identified(request, Scope.STREAM)

    async def _setup(self, socket: WebSocket) -> LiveSetup | None:
        """What the client asks for; None: it has left."""
        data = await socket.receive_message()
        if data is None:
            return None
        message = LiveMessage(data)
        if message.kind != "setup":
            raise InvalidArgument("must be the first message", field="setup")
        return LiveSetup.read(message.body)

    async def _translate(self, socket: WebSocket, who: Identified, setup: LiveSetup) -> None:
        context = self._context
        settings = setup.stream_settings(
            context.languages,
            source_language=context.options.source_language,
            calibrated=context.service.calibrated,
        )
        handle = SessionHandle.read(setup.handle) if setup.handle else SessionHandle(b"")
        session = await self._open(settings, handle, who.caller)
        output = LiveOutput(socket, setup, context.languages, handle.position, context.options.finish_s)
        source = LiveInput(socket, output, setup, handle.position)
        if handle.token:
            source.update(UpdateInput(settings))  # a session may be resumed with others
        try:
            await context.run_session(StreamDriver(source, output, session, context.options), who)
        except TranslateSvcError as error:
            raise in_gemini_terms(error) from None

    async def _open(self, settings: StreamSettings, handle: SessionHandle, caller: Caller) -> StreamSession:
        context = self._context
        config = StreamConfig(INPUT, OUTPUT, settings, handle.token)
        if handle.token:
            config = StreamConfig(INPUT, OUTPUT, settings, handle.token, handle.position)
        with context.calls.admission():
            context.calls.check_open()
            try:
                return await context.service.open_session(config, caller)
            except TranslateSvcError as error:
                raise in_gemini_terms(error) from None
