"""One connection between a front process and the engine's: a pair of sockets over a path."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
import zmq
import zmq.asyncio

from translate_svc.remote_engine.codec import Decoder, Encoder

_MAX_QUEUED_MESSAGES = 16
"""In each socket's own queue. Further ones wait where they can still be summed up, and are counted."""

T = TypeVar("T")


class Link(Generic[T]):
    """Sends and receives messages until the peer is gone. Use ``run`` once.

    Each turn of the event loop sends at most one message of a kind, and fetches the next ones when the socket
    has room. So while a peer does not read, nothing grows here except the state that ``take`` keeps.
    """

    def __init__(
        self, received: Any, take: Callable[[], msgspec.Struct | None], handle: Callable[[T], None]
    ) -> None:
        """Creates the socket; ``bind`` or ``connect`` it next.

        Args:
            received: the type of the messages that come in.
            take: returns the next message to send, None without any. Called again after each message.
            handle: called with each message that came in. If it raises, the link ends.
        """
        self._decoder: Decoder[T] = Decoder(received)
        self._encoder = Encoder()
        self._take = take
        self._handle = handle
        self._wake = asyncio.Event()
        self._socket = zmq.asyncio.Context.instance().socket(zmq.PAIR)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.SNDHWM, _MAX_QUEUED_MESSAGES)
        self._socket.setsockopt(zmq.RCVHWM, _MAX_QUEUED_MESSAGES)
        # a peer that ended must not be followed by another one on the same socket
        self._socket.setsockopt(zmq.RECONNECT_IVL, -1)
        self._monitor = self._socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)

    def bind(self, path: str) -> None:
        """Waits for the peer at a path."""
        self._socket.bind(f"ipc://{path}")

    def connect(self, path: str) -> None:
        """Connects to the peer at a path. It must be bound already."""
        self._socket.connect(f"ipc://{path}")

    def wake(self) -> None:
        """There is something to take."""
        self._wake.set()

    async def run(self) -> None:
        """Returns when the peer has closed the connection or has died.

        Raises:
            ValueError: a message does not fit the schema.
            Exception: what ``take`` or ``handle`` raises.
        """
        work: list[asyncio.Task[None]] = [
            asyncio.create_task(each) for each in (self._receive(), self._send(), self._disconnected())
        ]
        try:
            done, _ = await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)
        for task in done:
            task.result()

    def close(self) -> None:
        """Closes the connection. Idempotent."""
        if not self._socket.closed:
            self._socket.disable_monitor()
            self._monitor.close(0)
            self._socket.close(0)

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while (message := self._take()) is not None:
                await self._socket.send_multipart(self._encoder.encode(message))

    async def _receive(self) -> None:
        while True:
            frames = await self._socket.recv_multipart(copy=False)
            self._handle(self._decoder.decode([frame.buffer for frame in frames]))

    async def _disconnected(self) -> None:
        await self._monitor.recv_multipart()
