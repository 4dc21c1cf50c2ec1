"""Sends the events of one session over its connection."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from translate_svc.gateway.failures import close_code_of
from translate_svc.gateway.realtime.connection import Connection
from translate_svc.gateway.web_socket import WireEvent
from translate_svc.types import SessionEvent


class EventSender:
    """The ``EventSink`` of a session."""

    def __init__(self, connection: Connection, encode: Callable[[SessionEvent], Iterable[WireEvent]]) -> None:
        """``encode`` makes the protocol's events of one event, or none."""
        self._connection = connection
        self._encode = encode

    @property
    def bytes_out(self) -> int:
        """Size of all messages so far."""
        return self._connection.bytes_out

    async def send(self, event: SessionEvent) -> None:
        """Sends what ``event`` becomes in the protocol."""
        self._connection.follow(event)
        for wire in self._encode(event):
            await self._connection.send(wire)

    def status_of(self, error: BaseException | None) -> str:
        """The close code that the client gets."""
        return str(close_code_of(error))
