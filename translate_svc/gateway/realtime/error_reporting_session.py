"""A session whose refusals do not end it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

from translate_svc.errors import DataLoss, InvalidArgument, TranslateSvcError, Unsupported
from translate_svc.serving.protocols import StreamSession
from translate_svc.types import CallOutcome, ClientMessage, SessionEvent


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

    async def half_close(self) -> None:
        """Implements ``StreamSession.half_close``."""
        await self._session.half_close()

    def go_away(self, deadline_ms: int) -> None:
        """Implements ``StreamSession.go_away``."""
        self._session.go_away(deadline_ms)

    def events(self) -> AsyncIterator[SessionEvent]:
        """Implements ``CallHandler.events``."""
        return self._session.events()

    async def cancel(self, end: CallOutcome | None = None) -> None:
        """Implements ``CallHandler.cancel``."""
        await self._session.cancel(end)
