"""The connection of a call whose provider opens a WebSocket."""

from __future__ import annotations

from collections import deque

from translate_svc.gateway.failures import close_code_of
from translate_svc.gateway.telephone.dialect import PhoneDialect
from translate_svc.gateway.web_socket import WebSocket
from translate_svc.telephone.call_events import CallEvent, HungUp


class PhoneSocket:
    """Implements ``CallSocket``."""

    def __init__(self, socket: WebSocket, dialect: PhoneDialect) -> None:
        self._socket = socket
        self._dialect = dialect
        self._events: deque[CallEvent] = deque()

    @property
    def bytes_out(self) -> int:
        """Implements ``CallSocket.bytes_out``."""
        return self._socket.bytes_out

    @property
    def ahead_ms(self) -> int:
        """Implements ``CallSocket.ahead_ms``."""
        return self._dialect.ahead_ms

    @property
    def audio_field(self) -> str:
        """Implements ``CallSocket.audio_field``."""
        return self._dialect.audio_field

    def status_of(self, error: BaseException | None) -> str:
        """The close code that the provider gets."""
        return str(close_code_of(error))

    async def receive(self) -> CallEvent:
        """Implements ``CallSocket.receive``. A provider that closes the connection has hung up."""
        while not self._events:
            message = await self._socket.receive_message()
            self._events += [HungUp()] if message is None else self._dialect.read(message)
        return self._events.popleft()

    async def play(self, data: bytes) -> None:
        """Implements ``CallSocket.play``."""
        await self._socket.send_message(self._dialect.media(data))

    async def mark(self, name: str) -> None:
        """Implements ``CallSocket.mark``."""
        await self._socket.send_message(self._dialect.mark(name))

    async def clear(self) -> None:
        """Implements ``CallSocket.clear``."""
        await self._socket.send_message(self._dialect.clear())
