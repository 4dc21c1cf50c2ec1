"""What carries calls, and what answers them: where a transport and the rooms below it meet."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Protocol

from translate_svc.errors import TranslateSvcError
from translate_svc.languages import Language
from translate_svc.types import (
    Caller,
    CallOutcome,
    ClientMessage,
    ServerInfo,
    SessionEvent,
    StreamConfig,
    TranslateRequest,
)


class CallHandler(Protocol):
    """What answers a call, free of any transport."""

    def events(self) -> AsyncIterator[SessionEvent]:
        """All events in order; raises what ends the call early."""

    async def cancel(self, end: CallOutcome | None = None) -> None:
        """Drops everything now and gives everything back. To be called after the end, too.

        ``end``: how the transport ended the call, for the books; that of the first time counts.
        """


class Session(CallHandler, Protocol):
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

    def open_session(self, config: StreamConfig, caller: Caller) -> Session:
        """Admits a stream.

        Raises:
            InvalidArgument, OutOfRange, Unsupported, ResourceExhausted, Unavailable, EngineLost: it is not
                admitted.
        """

    def translate(self, request: TranslateRequest, caller: Caller) -> CallHandler:
        """Admits one text or one clip; the last event is ``UtteranceDone``, and all are ``ResultEvent``.

        Raises:
            InvalidArgument, OutOfRange, Unsupported, ResourceExhausted, Unavailable, EngineLost: it is not
                admitted.
        """

    def record_rejected(self, error: BaseException) -> None:
        """A stream or call is kept out by ``error``, be it the service's own or the transport's."""

    def languages(self) -> Iterable[Language]:
        """What the loaded checkpoint can do."""

    def info(self) -> ServerInfo:
        """Version, model and limits; that of messages is the transport's to fill in."""


class EventSink(Protocol):
    """The way out of one call: to its client, in the transport's words."""

    @property
    def bytes_out(self) -> int:
        """Size of all that was handed to ``send`` so far, as the transport encodes it."""

    async def send(self, event: SessionEvent) -> None:
        """Encodes one event and returns when it has left. Never called while an earlier call runs."""

    def status_of(self, error: BaseException | None) -> str:
        """What the client is told where the call ends with ``error``; None: as the contract says."""


class MessageSource(Protocol):
    """The way in of one stream: from its client."""

    async def receive(self) -> ClientMessage | None:
        """The client's next message; None: it will send no more.

        Raises:
            InvalidArgument, OutOfRange, Unsupported: what came is no message of the contract, or came out of
                order.
        """


class TransportServer(Protocol):
    """A server that carries calls to one ``Service``: gRPC, or another transport beside it."""

    @property
    def target(self) -> str:
        """What a client connects to; known once the door is open."""

    @property
    def live_streams(self) -> int:
        """Streams and calls that are open now."""

    async def start(self) -> None:
        """Listens and serves.

        Raises:
            InvalidArgument: the address cannot be used.
        """

    async def stop(self, grace_s: float, reason: TranslateSvcError) -> None:
        """Drains for up to ``grace_s``, then ends what is left. Idempotent; a shorter grace hastens.

        New calls, and those still open after ``grace_s``, fail with ``reason``.
        """
