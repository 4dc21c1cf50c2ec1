"""``/v1/realtime/translations``: a WebSocket for each session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.failures import CLOSE_NORMAL, failure_of
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.realtime.client_events import ClientEvents
from translate_svc.gateway.realtime.translation_session import TranslationSession
from translate_svc.gateway.realtime.translation_settings import first_settings
from translate_svc.gateway.web_socket import WebSocket


class TranslationEndpoint:
    """Opens a translation session for each WebSocket."""

    def __init__(self, context: GatewayContext) -> None:
        self._context = context

    async def connect(self, request: web.Request) -> web.StreamResponse:
        """``GET /v1/realtime/translations?model=NAME``, an upgrade to a WebSocket."""
        context = self._context
        socket = WebSocket(context.options)

        async def serve() -> None:
            caller, wanted = context.authenticator.session_caller(request)
            settings, model = first_settings(context.options, context.service), request.query.get("model", "")
            if wanted is not None:
                session = JsonObject(wanted, "session")
                settings, model = settings.updated(session), session.text("model", model)
            await TranslationSession(context, socket, ClientEvents(socket), model).run(settings, caller)

        return await run_socket(request, socket, serve)


async def run_socket(
    request: web.Request, socket: WebSocket, serve: Callable[[], Awaitable[None]]
) -> web.StreamResponse:
    """Answers the handshake, runs ``serve`` and closes the connection with the code of its end."""
    await socket.open(request)
    try:
        await serve()
        await socket.close(CLOSE_NORMAL)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        assert task is not None, "a handler is a task"
        if not socket.left or task.uncancel():
            raise
    except Exception as error:
        failure = failure_of(error)
        await socket.send_last(failure)
        await socket.close(failure.close_code, failure.code)
    return socket.response
