"""One WebSocket that carries a translation session, from its handshake to its close."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator

from translate_svc.errors import InvalidArgument, TranslateSvcError, Unsupported
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.failures import SessionExpired
from translate_svc.gateway.realtime.client_events import ClientEvents
from translate_svc.gateway.realtime.event_sender import EventSender
from translate_svc.gateway.realtime.forgiving_session import ForgivingSession
from translate_svc.gateway.realtime.translation_events import TranslationEvents
from translate_svc.gateway.realtime.translation_input import (
    CLOSE,
    UPDATE,
    TranslationInput,
    in_openai_terms,
    session_of,
    unknown_event,
)
from translate_svc.gateway.realtime.translation_settings import TranslationSettings
from translate_svc.gateway.web_socket import WebSocket, WireEvent
from translate_svc.serving.protocols import Session
from translate_svc.serving.stream_driver import StreamDriver
from translate_svc.types import Caller, ClientMessage, Opened, SessionEvent, UpdateInput

_PART_BYTES = 32 * 1024
"""Audio that a session is given at once. A longer append is split, so that no other session waits for it."""


class TranslationSession:
    """Speaks OpenAI's translation protocol with one client, on behalf of one ``Session``."""

    def __init__(self, context: GatewayContext, socket: WebSocket, events: ClientEvents, model: str) -> None:
        """``model`` is the name that the client asked for."""
        self._context = context
        self._socket = socket
        self._events = events
        self._head = {
            "id": f"sess_{uuid.uuid4().hex}",
            "type": "translation",
            "model": model or context.service.info().model.name,
            "expires_at": int(time.time() + context.options.session_lifetime_s),
        }

    async def run(self, settings: TranslationSettings, caller: Caller) -> None:
        """Runs the session to its end. Without a target in ``settings``, the client's first update opens it.

        Raises:
            TranslateSvcError: the connection must be closed with this error.
            asyncio.CancelledError: the client has left.
        """
        calls = self._context.calls
        await self._socket.send(self._event("session.created", settings))
        with calls.admission():
            opened = await self._open(settings, caller)
        if opened is None:
            await self._socket.send({"type": "session.closed"})
            return
        driver = self._driver(*opened)
        lifetime_s = self._context.options.session_lifetime_s
        expiry = asyncio.get_running_loop().call_later(lifetime_s, self._expire, driver)
        try:
            await calls.run(driver)
        finally:
            expiry.cancel()

    async def _open(
        self, first: TranslationSettings, caller: Caller
    ) -> tuple[Session, TranslationSettings, bool] | None:
        """The admitted session, its settings, and whether an update brought them; None: the client closed it.

        It does not wait between the admission and its return.
        """
        while True:
            settings: TranslationSettings | None = first
            if not first.targets:
                async with self._context.opening():
                    settings = await self._first_update(first)
            if settings is None:
                return None
            self._context.calls.check_open()
            try:
                config = settings.stream_config(self._context.languages)
                return self._context.service.open_session(config, caller), settings, settings is not first
            except (InvalidArgument, Unsupported) as error:
                if settings is first:
                    raise in_openai_terms(error) from None
                await self._events.refuse(in_openai_terms(error))

    async def _first_update(self, settings: TranslationSettings) -> TranslationSettings | None:
        """The settings of the first update that names a target; None if the client closes the session."""
        while True:
            event = await self._events.receive()
            try:
                match event.text("type", ""):
                    case kind if kind == UPDATE:
                        settings = settings.updated(session_of(event))
                        if settings.targets:
                            return settings
                        await self._socket.send(self._event("session.updated", settings))
                    case kind if kind == CLOSE:
                        return None
                    case kind if kind.startswith("session."):
                        raise InvalidArgument(
                            "send session.update with a target language first",
                            field="session.audio.output.language",
                        )
                    case _:
                        raise unknown_event()
            except TranslateSvcError as error:
                await self._events.refuse(error)

    def _driver(self, session: Session, settings: TranslationSettings, updated: bool) -> StreamDriver:
        context = self._context
        source = TranslationInput(self._events, settings, context.languages, _PART_BYTES)
        encoder = TranslationEvents(context.languages, settings.input.rate_hz)
        encoder.include = settings.include

        async def taken(message: ClientMessage) -> None:
            source.taken(message)
            if isinstance(message, UpdateInput):
                encoder.include = source.settings.include
                await self._socket.send(self._event("session.updated", source.settings))

        async def refused(message: ClientMessage, error: TranslateSvcError) -> None:
            source.refused(message)
            await self._events.refuse(in_openai_terms(error))

        def encode(event: SessionEvent) -> Iterator[WireEvent]:
            if isinstance(event, Opened) and updated:
                yield self._event("session.updated", settings)
            yield from encoder.encode(event)

        forgiving = ForgivingSession(session, taken, refused)
        return StreamDriver(source, EventSender(self._socket, encode), forgiving, context.options)

    def _expire(self, driver: StreamDriver) -> None:
        driver.go_away(
            self._context.options.drain_finish_s, SessionExpired("the session has reached its age limit")
        )

    def _event(self, kind: str, settings: TranslationSettings) -> WireEvent:
        session = self._head | settings.to_json(self._context.languages)
        return {"type": kind, "session": session}
