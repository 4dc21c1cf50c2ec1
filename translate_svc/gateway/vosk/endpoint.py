"""``/v1/vosk``: a WebSocket that speaks the protocol of Vosk's server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from translate_svc.access.callers import Identified
from translate_svc.errors import TranslateSvcError
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.vosk.recognition import Control, Recognition, result_of
from translate_svc.gateway.web_socket import WebSocket, serve_socket
from translate_svc.serving.source_language import source_or_auto
from translate_svc.serving.stream_driver import StreamDriver
from translate_svc.types import (
    DEFAULT_ENCODING,
    AudioFormat,
    Inspect,
    Scope,
    SimultaneousSettings,
    StreamConfig,
    StreamSettings,
    TargetSettings,
)

_RATE_HZ = 8_000
"""What Vosk's server takes where a client names no rate."""
_FIELDS = {
    "config.input.sample_rate_hz": "config.sample_rate",
    "config.settings.source_language": "language",
    "config.settings.targets[0].language": "target",
    "audio.data": "binary message",
}
"""Fields of the contract, by what a client of Vosk calls them."""


class VoskEndpoint:
    """Opens a session for each WebSocket."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """An upgrade. The query may name ``language``, which is spoken, ``target``, which the texts are to be
        in, and ``key``, an API key: clients of Vosk set no headers.
        """

        async def serve(socket: WebSocket) -> None:
            who = await self._caller(request)
            async with self._context.opening(who.caller):
                begun = await self._begun(socket)
            if begun is not None:
                await self._recognize(request, socket, who, begun)

        return await serve_socket(request, self._context.options, serve, events=False)

    async def _caller(self, request: web.Request) -> Identified:
        if key := request.query.get("key", ""):
            return await self._context.authenticator.holder(key, Scope.STREAM)
        return (await self._context.authenticator.session_caller(request, Scope.STREAM)).who

    async def _begun(self, socket: WebSocket) -> tuple[int, bool, bytes | None] | None:
        """Rate, whether words are wanted, and the first audio, or None for the end. None: the client left."""
        rate_hz, words = _RATE_HZ, True
        while isinstance(message := await socket.receive_message(), str):
            control = Control(message)
            if control.ends:
                return rate_hz, words, None
            rate_hz = control.rate_hz or rate_hz
            words = words if control.words is None else control.words
            if control.resets:
                await socket.send_message(json.dumps(result_of([], words=words)))
        return None if message is None else (rate_hz, words, message)

    async def _recognize(
        self, request: web.Request, socket: WebSocket, who: Identified, begun: tuple[int, bool, bytes | None]
    ) -> None:
        context, (rate_hz, words, first) = self._context, begun
        target = request.query.get("target", "")
        language = request.query.get("language", "") or context.options.source_language
        include = {Inspect.TOKENS}  # a later config may ask for words
        settings = StreamSettings(
            (TargetSettings(target, speech=False),) if target else (),
            source_or_auto(language, context.languages),
            frozenset(include if target else include | {Inspect.TRANSCRIPT}),
            simultaneous=SimultaneousSettings() if context.service.calibrated else None,
        )
        audio = AudioFormat(DEFAULT_ENCODING, rate_hz)
        with _in_vosk_terms():
            with context.calls.admission():
                context.calls.check_open()
                session = await context.service.open_session(StreamConfig(audio, audio, settings), who.caller)
            recognition = Recognition(socket, first, rate_hz, words=words)
            driver = StreamDriver(recognition, recognition, session, context.options)
            try:
                await context.calls.run(driver, who.may_stay)
            except Exception:
                await recognition.tell_finished()
                raise


@contextmanager
def _in_vosk_terms() -> Iterator[None]:
    """Errors name what a client of Vosk sends."""
    try:
        yield
    except TranslateSvcError as error:
        error.field = _FIELDS.get(error.field, error.field)
        raise
