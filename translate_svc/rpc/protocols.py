"""What the transport needs of the rooms below it (``translate_svc.service``, ``translate_svc.session``)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from translate_svc.languages import Language
from translate_svc.types import ClientMessage, ServerInfo, SessionEvent, StreamConfig


class Session(Protocol):
    """One live stream, free of any transport."""

    async def receive(self, message: ClientMessage) -> None:
        """Takes one message; waits while the session's queue is full.

        Raises:
            InvalidArgument, OutOfRange, DataLoss: the message is bad, and the stream is to be failed.
        """

    async def half_close(self) -> None:
        """The client will send no more and has not said ``end``."""

    def events(self) -> AsyncIterator[SessionEvent]:
        """All events in order; ends after ``Closed``."""

    async def cancel(self) -> None:
        """Drops everything now."""


class Service(Protocol):
    """Everything that is built once a process."""

    def open_session(self, config: StreamConfig, tenant: str) -> Session:
        """Admits a stream.

        Raises:
            InvalidArgument, OutOfRange, Unsupported, ResourceExhausted, Unavailable: it is not admitted.
        """

    def languages(self) -> Iterable[Language]:
        """What the loaded checkpoint can do."""

    def info(self) -> ServerInfo:
        """Version, model and limits; those of message sizes are the transport's to fill in."""
