"""Reads the events of one live stream, for who iterates or ahead of that."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TypeVar

from translate_svc.client.aio.connection import StreamConnection
from translate_svc.client.aio.stream_call import cancellations
from translate_svc.errors import TranslateSvcError
from translate_svc.types import SessionEvent, SpeechChunk

T = TypeVar("T")

_PATIENCE_S = 0.05
"""A write that waits longer may wait for results to be taken."""
MAX_UNREAD_BYTES = 64 << 20
UNREAD_TIMEOUT_S = 10.0
"""After that time without a reader a server ends a stream, too."""
_EVENT_BYTES = 1024
"""What an event takes, beside its speech."""


class EventReader:
    """Events in their order, each once, also if who waits for one is cancelled as it comes."""

    def __init__(self, connection: StreamConnection) -> None:
        self._connection = connection
        self._unread: deque[SessionEvent] = deque()
        self._unread_bytes = 0
        self._task: asyncio.Task[SessionEvent | None] | None = None
        self._is_read = False
        self._changed = asyncio.Event()

    def keep(self, event: SessionEvent) -> None:
        """``event`` is for who iterates, after those that are kept already."""
        self._unread.append(event)
        self._unread_bytes += _bytes_of(event)

    async def next_event(self) -> SessionEvent | None:
        """The next event that this client knows, or None at the end."""
        if self._unread:
            event = self._unread.popleft()
            self._unread_bytes -= _bytes_of(event)
            self._changed.set()
            return event
        if self._is_read:
            raise RuntimeError("the stream is being read already: one at a time may iterate")
        self._is_read = True
        try:
            following = await shielded(self._reading())
        except TranslateSvcError:
            self._task = None
            raise
        finally:
            self._is_read = False
        self._task = None  # of a cancelled wait it stays: its event may have come
        return following

    async def read_while(self, write: asyncio.Task[None]) -> None:
        """Keeps what comes while ``write`` waits and nobody iterates.

        Who iterates slowly is waited for, as soon as much is kept.

        Raises:
            TranslateSvcError: much is kept, and nobody takes it.
        """
        if (await asyncio.wait({write}, timeout=_PATIENCE_S))[0]:
            return
        write.add_done_callback(lambda _: self._changed.set())
        while not write.done():
            if self._unread_bytes > MAX_UNREAD_BYTES:
                await self._until_taken()
                continue
            read = self._reading()
            await asyncio.wait({write, read}, return_when=asyncio.FIRST_COMPLETED)
            if self._is_read or read is not self._task or not read.done():
                continue
            if read.cancelled() or read.exception() is not None or (event := read.result()) is None:
                return  # it is for who iterates
            self._task = None
            self.keep(event)

    async def release(self) -> None:
        """Ends the task."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _reading(self) -> asyncio.Task[SessionEvent | None]:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._connection.next_event())
        return self._task

    async def _until_taken(self) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(UNREAD_TIMEOUT_S):
                await self._changed.wait()
        except TimeoutError:
            limit = f"{MAX_UNREAD_BYTES >> 20} MiB"
            raise TranslateSvcError(f"{limit} of events are not read: iterate while you send") from None


def _bytes_of(event: SessionEvent) -> int:
    if not isinstance(event, SpeechChunk):
        return _EVENT_BYTES
    return _EVENT_BYTES + len(event.data) + sum(map(len, event.packets))


async def shielded(operation: asyncio.Task[T]) -> T:
    """Waits for an operation, which continues if the waiting task is cancelled.

    Raises:
        TranslateSvcError: another task closed the stream meanwhile, which cancelled the operation.
    """
    try:
        return await asyncio.shield(operation)
    except asyncio.CancelledError:
        if not operation.cancelled() or cancellations():
            raise
        raise TranslateSvcError("the stream was cancelled") from None
    finally:
        del operation  # its error refers to this frame
