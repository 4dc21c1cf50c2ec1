"""What carries the events of a realtime session: a WebSocket, or the data channel of a call."""

from __future__ import annotations

from typing import Protocol

from translate_svc.gateway.failures import Failure
from translate_svc.gateway.web_socket import WireEvent
from translate_svc.types import SessionEvent


class Connection(Protocol):
    """The server's end of a connection. One task receives; several may send."""

    @property
    def bytes_out(self) -> int:
        """Size of all messages sent so far."""

    async def receive(self) -> str:
        """The client's next message.

        Raises:
            InvalidArgument: the message is not text. The connection stays open.
            StreamTimeout, ResourceExhausted: the connection must end.
        """

    def follow(self, event: SessionEvent) -> None:
        """Observes an event of the session, before its events in the protocol are sent."""

    async def send(self, event: WireEvent) -> None:
        """Sends one event. Waits while the client does not take earlier events."""

    async def played(self) -> None:
        """Waits until people have heard what was sent, where the server plays it in real time."""

    async def send_failure(self, failure: Failure, event_id: str | None = None) -> None:
        """Sends an ``error`` event. ``event_id`` is the client's event that caused it.

        Raises:
            PermissionDenied: there were too many. The connection must end.
        """
