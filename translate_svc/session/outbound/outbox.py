"""Events on their way to the reader of a stream."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from translate_svc.session.observer import StreamObserver
from translate_svc.session.outbound.ack_window import AckWindow
from translate_svc.types import SessionEvent, StreamWarning


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True, eq=False)
class _Parcel:
    event: SessionEvent
    taken: Callable[[], None]


class Outbox:
    """A first-in, first-out line with one reader.

    ``put`` never waits, because the engine must not. The line stays bounded all the same: its writers
    either look at ``len`` before they make more (the input) or need what ``taken`` gives back (an utterance's
    place in flight, a sequence's credit for speech). ``taken`` is called when the reader takes the event, not
    before, and never for an event that is dropped.

    With ``acks`` the reader waits while that window is full; once nothing is put any more it is lifted.
    ``observer`` is told of the warnings among the events.
    """

    def __init__(self, observer: StreamObserver, acks: AckWindow | None = None) -> None:
        self._observer = observer
        self._acks = acks
        self._line: deque[_Parcel] = deque()
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._closed = False
        self._failure: BaseException | None = None

    def __len__(self) -> int:
        """Events that wait for the reader."""
        return len(self._line)

    def put(self, event: SessionEvent, taken: Callable[[], None] = _nothing) -> None:
        """Appends an event. After ``close``, ``fail`` or ``discard`` it is dropped silently."""
        if not self._closed:
            self._line.append(_Parcel(event, taken))
            if isinstance(event, StreamWarning):
                self._observer.warned(event.code)
            self._arrived.set()

    async def below(self, events: int) -> None:
        """Waits until fewer than ``events`` are in line."""
        while len(self._line) >= events:
            self._taken.clear()
            await self._taken.wait()

    def drop(self, unwanted: Callable[[SessionEvent], bool]) -> None:
        """Drops the events in line that are ``unwanted``."""
        self._line = deque(parcel for parcel in self._line if not unwanted(parcel.event))
        self._taken.set()

    def close(self) -> None:
        """The reader gets what is in line, and then the end."""
        self._closed = True
        self._arrived.set()
        if self._acks is not None:
            self._acks.lift()

    def fail(self, failure: BaseException) -> None:
        """The reader gets what is in line, and then ``failure``. The first failure counts."""
        if not self._closed:
            self._failure = failure
            self.close()

    def discard(self) -> None:
        """The reader gets the end at once; nothing that is in line."""
        self._line.clear()
        self._taken.set()
        self._failure = None
        self.close()

    def __aiter__(self) -> Outbox:
        return self

    async def __anext__(self) -> SessionEvent:
        """The next event. A reader that is cancelled while it waits loses none and may come again.

        Raises:
            StopAsyncIteration: after ``close``, once the line is empty.
            StreamTimeout: the client does not acknowledge any more.
        """
        while not self._line or (self._acks is not None and self._acks.full):
            if self._line and self._acks is not None:
                await self._acks.room()
                continue
            if self._failure is not None:
                raise self._failure
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        parcel = self._line.popleft()
        if self._acks is not None:
            self._acks.take()
        parcel.taken()
        self._taken.set()
        return parcel.event
