"""``/v1/realtime/translations`` and ``/v1/realtime``: a WebSocket for each session."""

from __future__ import annotations

from aiohttp import web

from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.realtime import transcription_settings, translation_settings
from translate_svc.gateway.realtime.dialect import Dialect
from translate_svc.gateway.realtime.realtime_session import RealtimeSession
from translate_svc.gateway.realtime.transcription_events import TranscriptionEvents
from translate_svc.gateway.realtime.translation_events import TranslationEvents
from translate_svc.gateway.web_socket import WebSocket, serve_socket
from translate_svc.types import Scope

TRANSLATION = Dialect(
    kind="translation",
    prefix="session.",
    language_param=translation_settings.LANGUAGE_PARAM,
    candidates_param="session.audio.input.candidates",
    object="",
    begins_with_event=False,
    clears_committed=True,
    closed={"type": "session.closed"},
    first_settings=translation_settings.first_settings,
    encoder=TranslationEvents,
)

TRANSCRIPTION = Dialect(
    kind="transcription",
    prefix="",
    language_param=transcription_settings.LANGUAGE_PARAM,
    candidates_param="session.audio.input.transcription.languages",
    object="realtime.transcription_session",
    begins_with_event=True,
    clears_committed=False,
    closed=None,
    first_settings=transcription_settings.first_settings,
    encoder=TranscriptionEvents,
)


class RealtimeEndpoint:
    """Opens a session of one dialect for each WebSocket."""

    def __init__(self, context: GatewayContext, dialect: Dialect) -> None:
        self._context = context
        self._dialect = dialect

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """An upgrade to a WebSocket. The query may name the ``model``."""
        context = self._context

        async def serve(socket: WebSocket) -> None:
            who, wanted = await context.authenticator.session_caller(request, Scope.STREAM)
            settings = self._dialect.first_settings(context.options, context.service)
            model = request.query.get("model", "")
            if wanted is not None:
                session = JsonObject(wanted, "session")
                settings, model = settings.updated(session), session.text("model", model)
            await RealtimeSession(context, self._dialect, socket, model).run(settings, who)

        return await serve_socket(request, context.options, serve)
