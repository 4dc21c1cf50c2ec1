"""``/v1/captions?from=en&to=es``: a WebSocket that takes speech and sends lines of text.

The client sends ``{"type": "audio", "data": base64}``, 16-bit PCM at 8 kHz, and at last ``{"type": "end"}``.
It gets ``{"type": "caption", "language", "delta", "final"}``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable

from aiohttp import web

from translate_svc.errors import InvalidArgument
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.realtime.event_sender import EventSender
from translate_svc.gateway.web_socket import WebSocket, WireEvent, serve_socket
from translate_svc.serving.stream_driver import StreamDriver
from translate_svc.types import (
    AudioFormat,
    AudioInput,
    ClientMessage,
    Encoding,
    EndInput,
    Scope,
    SessionEvent,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TextDelta,
)

FORMAT = AudioFormat(Encoding("pcm_s16le"), 8_000)


class CaptionsEndpoint:
    """Opens a session for each WebSocket."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """An upgrade to a WebSocket."""
        context = self._context

        async def serve(socket: WebSocket) -> None:
            who, _ = await context.authenticator.session_caller(request, Scope.STREAM)
            target = TargetSettings(request.query.get("to", ""), speech=False)
            settings = StreamSettings((target,), request.query.get("from"))
            with context.calls.admission():
                context.calls.check_open()
                config = StreamConfig(FORMAT, FORMAT, settings)
                session = await context.service.open_session(config, who.caller)
            sink = EventSender(socket, captions)
            await context.calls.run(
                StreamDriver(CaptionsInput(socket), sink, session, context.options), who.may_stay
            )

        return await serve_socket(request, context.options, serve)


class CaptionsInput:
    """The ``MessageSource`` of a session."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._samples = 0

    async def receive(self) -> ClientMessage:
        """The client's next message."""
        text = await self._socket.receive()
        try:
            message = JsonObject(json.loads(text), "")
            data = base64.b64decode(message.text("data", ""), validate=True)
        except ValueError:
            raise InvalidArgument("the message is not JSON, or its data is not base64") from None
        match message.text("type", ""):
            case "audio":
                self._samples += len(data) // 2
                return AudioInput(data)
            case "end":
                return EndInput(self._samples)
        raise InvalidArgument("is not a message of this protocol", field="type")


def captions(event: SessionEvent) -> Iterable[WireEvent]:
    """What the client gets of an event."""
    if isinstance(event, TextDelta):
        yield {"type": "caption", "language": event.language, "delta": event.delta, "final": event.final}
