"""What the transport needs of the rooms below it (``translate_svc.service``, ``translate_svc.session``)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from translate_svc.languages import Language
from translate_svc.types import CallEnd, ClientMessage, ServerInfo, SessionEvent, StreamConfig, TranslateCall


class Answer(Protocol):
    """What answers a call, free of any transport."""

    def events(self) -> AsyncIterator[SessionEvent]:
        """All events in order; raises what ends the call early."""

    async def cancel(self, end: CallEnd | None = None) -> None:
        """Drops everything now and gives everything back. To be called after the end, too.

        ``end``: how the transport ended the call, for the books; that of the first time counts.
        """


class Session(Answer, Protocol):
    """What answers a stream; its last event is ``Closed``."""

    async def receive(self, message: ClientMessage) -> None:
        """Takes one message; waits while the session's queue is full.

        Raises:
            InvalidArgument, OutOfRange, Unsupported, DataLoss: the message is bad, or comes after ``end``;
                the stream is to be failed.
        """

    async def half_close(self) -> None:
        """The client will send no more. Nothing happens when it has said ``end``."""

    def go_away(self, deadline_ms: int) -> None:
        """Sends ``GoAway``."""


class Service(Protocol):
    """Everything that is built once a process."""

    def open_session(self, config: StreamConfig, tenant: str) -> Session:
        """Admits a stream.

        Raises:
            InvalidArgument, OutOfRange, Unsupported, ResourceExhausted, Unavailable: it is not admitted.
        """

    def translate(self, call: TranslateCall, tenant: str) -> Answer:
        """Admits one text or one clip; the last event is ``UtteranceDone``, and all are ``ResultEvent``.

        Raises:
            InvalidArgument, OutOfRange, Unsupported, ResourceExhausted, Unavailable: it is not admitted.
        """

    def rejected(self, error: BaseException) -> None:
        """A stream or call is kept out by ``error``, be it the service's own or the transport's."""

    def languages(self) -> Iterable[Language]:
        """What the loaded checkpoint can do."""

    def info(self) -> ServerInfo:
        """Version, model and limits; that of messages is the transport's to fill in."""
