"""The interfaces between a transport, its live calls and the service that handles them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from translate_svc.errors import TranslateSvcError
from translate_svc.languages import LanguageTable
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
    """Handles one call, independent of the transport."""

    def events(self) -> AsyncIterator[SessionEvent]:
        """All events in order. Raises the error that ends the call early."""

    async def cancel(self, end: CallOutcome | None = None) -> None:
        """Stops all work and releases all resources. Must be called after a normal end, too.

        ``end``: how the transport ended the call, for the accounting; the first one counts.
        """


class StreamSession(CallHandler, Protocol):
    """Handles one stream; its last event is ``Closed``."""

    async def receive(self, message: ClientMessage) -> None:
        """Takes one message; waits while the session's queue is full.

        Raises:
            InvalidArgument, OutOfRange, Unsupported, DataLoss: the message is not valid, or comes after
                ``end``. The transport must fail the stream.
        """

    async def half_close(self, *, cut_off: bool = False) -> None:
        """The client will send no more messages. No effect after ``end``.

        ``cut_off``: it may have more to say, but the server goes away. What was begun is finished and sent;
        where the input is cut is no commit point, so that a resumed stream gets the utterance whole.
        """

    def go_away(self, deadline_ms: int) -> None:
        """Sends ``GoAway`` to the client."""


class TranslationService(Protocol):
    """Admits streams and calls. There is one service per process.

    An admission may take a moment, since another process may decide about it. Who waits for one may be
    cancelled, and has nothing then.
    """

    async def open_session(
        self, config: StreamConfig, caller: Caller, audio_patience_s: float = 0.0
    ) -> StreamSession:
        """Admits a stream. ``audio_patience_s``: how long in all audio beyond the caller's limit may wait,
        before it is refused.

        Raises:
            InvalidArgument, OutOfRange, Unsupported, PermissionDenied, ResourceExhausted, Unavailable,
                EngineLost: the stream is not admitted.
        """

    async def translate(self, request: TranslateRequest, caller: Caller) -> CallHandler:
        """Admits one text or one clip. All its events are ``ResultEvent``, the last one is ``UtteranceDone``.

        Raises:
            InvalidArgument, OutOfRange, Unsupported, PermissionDenied, ResourceExhausted, Unavailable,
                EngineLost: the request is not admitted.
        """

    async def check_admission(self, caller: Caller) -> None:
        """Raises if ``translate`` would refuse every request of ``caller`` now.

        Raises:
            PermissionDenied, ResourceExhausted, Unavailable, EngineLost: the reason.
        """

    def record_rejected(self, error: BaseException) -> None:
        """Counts a stream or call that was not admitted. The service or the transport raised ``error``."""

    def languages(self) -> LanguageTable:
        """The languages of the loaded checkpoint."""

    @property
    def calibrated(self) -> bool:
        """Whether the loaded checkpoint is calibrated for simultaneous translation."""

    @property
    def finish_s(self) -> float:
        """How long the engine needs for what the open streams have begun, if they end now; 0 if not known."""

    def info(self) -> ServerInfo:
        """Version, model, load and limits. The transport fills in the limits of messages."""


class EventSink(Protocol):
    """Sends the events of one call to its client."""

    @property
    def bytes_out(self) -> int:
        """Size of all events passed to ``send`` so far, as the transport encodes them."""

    async def send(self, event: SessionEvent) -> None:
        """Encodes one event and returns when it has been sent. Calls never overlap."""

    def status_of(self, error: BaseException | None) -> str:
        """The status that the client gets if the call ends with ``error``; None: a normal end."""


class MessageSource(Protocol):
    """Receives the messages of one stream from its client."""

    async def receive(self) -> ClientMessage | None:
        """The client's next message, or None if it will send no more.

        Raises:
            InvalidArgument, OutOfRange, Unsupported: the message is not valid, or out of order.
        """


class TransportServer(Protocol):
    """A server that carries calls to one ``TranslationService``, over gRPC or another transport."""

    @property
    def target(self) -> str:
        """The address that a client connects to; known after ``start``."""

    @property
    def live_streams(self) -> int:
        """Streams and calls that are open now."""

    async def start(self) -> None:
        """Binds the address and serves.

        Raises:
            InvalidArgument: the address cannot be used.
        """

    async def stop(self, grace_s: float, reason: TranslateSvcError) -> None:
        """Drains for up to ``grace_s``, then ends all remaining calls. Idempotent.

        If called again with a shorter grace, the earlier deadline counts.

        New calls, and those still open after ``grace_s``, fail with ``reason``.
        """
