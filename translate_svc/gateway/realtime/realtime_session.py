"""A realtime session: one connection on one side, one session of the service on the other."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

from translate_svc.access.callers import Identified
from translate_svc.errors import DataLoss, InvalidArgument, TranslateSvcError, Unsupported
from translate_svc.gateway.context import GatewayContext
from translate_svc.gateway.realtime.client_events import ClientEvents
from translate_svc.gateway.realtime.committed_turns import CommittedTurns
from translate_svc.gateway.realtime.connection import Connection
from translate_svc.gateway.realtime.dialect import Dialect, SessionSettings, stream_config
from translate_svc.gateway.realtime.event_sender import EventSender
from translate_svc.gateway.realtime.session_input import (
    CLOSE,
    UPDATE,
    SessionInput,
    in_openai_terms,
    session_of,
    unknown_event,
)
from translate_svc.gateway.web_socket import WireEvent
from translate_svc.serving.protocols import StreamSession
from translate_svc.serving.stream_driver import StreamDriver
from translate_svc.types import Caller, CallOutcome, ClientMessage, Opened, SessionEvent, Updated, UpdateInput

_PART_BYTES = 32 * 1024
"""Audio given to a session in one piece. A longer append is split, so that no other session waits."""


class RealtimeSession:
    """Speaks one dialect of OpenAI's realtime protocol with one client."""

    def __init__(self, context: GatewayContext, dialect: Dialect, connection: Connection, model: str) -> None:
        """``model`` is the name that the client asked for."""
        self._context = context
        self._dialect = dialect
        self._connection = connection
        self._events = ClientEvents(connection)
        self._model = model
        self._head = session_head(context, dialect, model)

    async def run(self, settings: SessionSettings, who: Identified) -> None:
        """Runs the session to its end. If ``settings`` lack something, the client's first updates say it.

        Raises:
            TranslateSvcError: the connection must be closed with this error.
            asyncio.CancelledError: the client has left.
        """
        await self._connection.send(self._event("session.created", settings))
        with self._context.calls.admission():
            opened = await self._open(settings, who.caller)
        if opened is None:
            if self._dialect.closed is not None:
                await self._connection.send(self._dialect.closed)
            return
        await self._context.run_session(self._driver(*opened), who)

    async def _open(
        self, first: SessionSettings, caller: Caller
    ) -> tuple[StreamSession, SessionSettings, bool] | None:
        """The admitted session, its settings, and whether an update brought them; None: the client closed it.

        It does not wait between the admission and its return.
        """
        wanted, updated = first, False
        while True:
            if first.missing or self._dialect.begins_with_event:
                async with self._context.opening(caller):
                    begun = await self._begun(first)
                if begun is None:
                    return None
                first, wanted, updated = begun
            self._context.calls.check_open()
            try:
                config = stream_config(wanted, self._context.languages)
                return await self._context.service.open_session(config, caller), wanted, updated
            except (InvalidArgument, Unsupported) as error:
                if not updated:
                    raise in_openai_terms(error, self._dialect) from None
                await self._events.refuse(in_openai_terms(error, self._dialect))

    async def _begun(self, settings: SessionSettings) -> tuple[SessionSettings, SessionSettings, bool] | None:
        """The settings sent to the client, those that the session begins with, and whether an update brought
        them; None if the client closes the session. It begins when no setting is missing.
        """
        while True:
            event = await self._events.receive()
            try:
                kind = event.text("type", "")
                if kind == UPDATE:
                    wanted = settings.updated(session_of(event, self._model))
                    if not wanted.missing:
                        return settings, wanted, True
                    settings = wanted
                    await self._connection.send(self._event("session.updated", settings))
                elif kind == CLOSE:
                    return None
                elif not kind.startswith(f"{self._dialect.prefix}input_audio_buffer."):
                    raise unknown_event()
                elif settings.missing:
                    raise InvalidArgument("is required: send session.update with it", field=settings.missing)
                else:
                    self._events.keep(event)
                    return settings, settings, False
            except TranslateSvcError as error:
                await self._events.refuse(error)

    def _driver(self, session: StreamSession, settings: SessionSettings, updated: bool) -> StreamDriver:
        context = self._context
        opened = asyncio.Event()
        turns = CommittedTurns()
        source = SessionInput(
            self._events, self._dialect, settings, context.languages, _PART_BYTES, self._model, opened, turns
        )
        encoder = self._dialect.encoder(context.languages, settings.input.rate_hz)
        encoder.apply(settings)
        updates: deque[SessionSettings] = deque()  # that the stream has not reached: audio waits before them

        async def taken(message: ClientMessage) -> None:
            source.taken(message)
            if isinstance(message, UpdateInput):
                updates.append(source.settings)
                await self._connection.send(self._event("session.updated", source.settings))

        async def refused(message: ClientMessage, error: TranslateSvcError) -> None:
            source.refused(message)
            await self._events.refuse(in_openai_terms(error, self._dialect))

        def encode(event: SessionEvent) -> Iterator[WireEvent]:
            if isinstance(event, Opened):
                if updated:
                    yield self._event("session.updated", settings)
                opened.set()
            elif isinstance(event, Updated):
                encoder.apply(updates.popleft())
            yield from encoder.encode(event)
            turns.add(event)

        forgiving = ErrorReportingSession(session, taken, refused)
        sender = EventSender(self._connection, encode)
        return StreamDriver(source, sender, forgiving, context.options, heard=self._connection.played)

    def _event(self, kind: str, settings: SessionSettings) -> WireEvent:
        session = self._head | settings.to_json(self._context.languages)
        return {"type": kind, "session": session}


def session_head(context: GatewayContext, dialect: Dialect, model: str) -> WireEvent:
    """The fields of a new session object that no update changes."""
    head = {
        "id": f"sess_{uuid.uuid4().hex}",
        "type": dialect.kind,
        "model": model or context.service.info().model.name,
        "expires_at": int(time.time() + context.options.session_lifetime_s),
    }
    return head | ({"object": dialect.object} if dialect.object else {})


class ErrorReportingSession:
    """A ``StreamSession`` that reports a wrong message instead of failing the stream, as OpenAI's protocol
    does.

    A message that is refused has no effect on the session.
    """

    def __init__(
        self,
        session: StreamSession,
        on_taken: Callable[[ClientMessage], Awaitable[None]],
        on_refused: Callable[[ClientMessage, TranslateSvcError], Awaitable[None]],
    ) -> None:
        """``on_taken`` and ``on_refused`` are called after each message that ``session`` has decided on."""
        self._session = session
        self._on_taken = on_taken
        self._on_refused = on_refused

    async def receive(self, message: ClientMessage) -> None:
        """Implements ``StreamSession.receive``."""
        try:
            await self._session.receive(message)
        except (InvalidArgument, Unsupported, DataLoss) as error:
            await self._on_refused(message, error)
        else:
            await self._on_taken(message)

    async def half_close(self, *, cut_off: bool = False) -> None:
        """Implements ``StreamSession.half_close``."""
        await self._session.half_close(cut_off=cut_off)

    def go_away(self, deadline_ms: int) -> None:
        """Implements ``StreamSession.go_away``."""
        self._session.go_away(deadline_ms)

    def events(self) -> AsyncIterator[SessionEvent]:
        """Implements ``CallHandler.events``."""
        return self._session.events()

    async def cancel(self, end: CallOutcome | None = None) -> None:
        """Implements ``CallHandler.cancel``."""
        await self._session.cancel(end)
