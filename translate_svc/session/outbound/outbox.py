"""The queue of events to the reader of a stream."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass

from translate_svc.session.observer import StreamObserver
from translate_svc.session.outbound.ack_window import AckWindow
from translate_svc.types import Progress, SessionEvent, SpeechChunk, StreamWarning, TextDelta, UtteranceDone

_LATE_S = 1.0
"""A reader that leaves an event for longer is late: one that keeps up takes it at once."""


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True, eq=False)
class _QueuedEvent:
    event: SessionEvent
    on_taken: Callable[[], None]
    put_s: float


class Outbox:
    """A first-in, first-out queue with one reader.

    ``put`` never waits, because the engine must not wait. The queue is still bounded: its writers either
    check ``len`` before they add more (the input), or need what ``on_taken`` releases (an utterance's place
    in flight, a sequence's credit for speech). ``on_taken`` is called when the reader takes the event, not
    before, and never for an event that is dropped.

    With ``acks``, the reader waits while that window is full; ``close`` lifts the window. ``observer``
    receives each warning.
    """

    def __init__(self, observer: StreamObserver, acks: AckWindow | None = None) -> None:
        self._observer = observer
        self._acks = acks
        self._events: deque[_QueuedEvent] = deque()
        self._arrived = asyncio.Event()
        self._taken = asyncio.Event()
        self._closed = False
        self._failure: BaseException | None = None
        self._reader_late_s = float("-inf")
        self._now_s = asyncio.get_running_loop().time

    def __len__(self) -> int:
        """Events that wait for the reader."""
        return len(self._events)

    @property
    def reader_is_late(self) -> bool:
        """Whether the oldest event has waited for the reader too long."""
        return bool(self._events) and self._now_s() - self._events[0].put_s > _LATE_S

    @property
    def reader_late_s(self) -> float:
        """When its reader was late last, in the event loop's time: now, if it is; minus infinity: never."""
        return self._now_s() if self.reader_is_late else self._reader_late_s

    def put(self, event: SessionEvent, on_taken: Callable[[], None] = _nothing) -> None:
        """Appends an event. After ``close``, ``fail`` or ``discard`` it is dropped silently."""
        if not self._closed:
            self._events.append(_QueuedEvent(event, on_taken, self._now_s()))
            if isinstance(event, StreamWarning):
                self._observer.warned(event.code)
            self._arrived.set()

    async def wait_below(self, events: int) -> None:
        """Waits until fewer than ``events`` are queued."""
        while len(self._events) >= events:
            self._taken.clear()
            await self._taken.wait()

    def drop_results(self, utterances: Collection[int]) -> list[Progress]:
        """Drops unread texts, speech and ends of these utterances, but no ``SpeechStarted``, ``SpeechEnded``.

        Also drops and returns the unread ``Progress``: it must come after the new ends.
        """
        unread: list[Progress] = []

        def is_unwanted(event: SessionEvent) -> bool:
            if isinstance(event, Progress):
                unread.append(event)
                return True
            results = TextDelta | SpeechChunk | UtteranceDone
            return isinstance(event, results) and event.utterance_id in utterances

        self._events = deque(queued for queued in self._events if not is_unwanted(queued.event))
        self._taken.set()
        return unread

    def close(self) -> None:
        """The reader gets the queued events, and then the end."""
        self._closed = True
        self._arrived.set()
        if self._acks is not None:
            self._acks.lift()

    def fail(self, failure: BaseException) -> None:
        """The reader gets the queued events, and then ``failure``. Only the first failure counts."""
        if not self._closed:
            self._failure = failure
            self.close()

    def discard(self) -> None:
        """Drops the queued events; the reader gets the end at once."""
        self._events.clear()
        self._taken.set()
        self._failure = None
        self.close()

    def __aiter__(self) -> Outbox:
        return self

    async def __anext__(self) -> SessionEvent:
        """The next event. Cancelling the wait loses no event.

        Raises:
            StopAsyncIteration: after ``close``, once the queue is empty.
            StreamTimeout: the client does not acknowledge any more.
        """
        while not self._events or (self._acks is not None and self._acks.full):
            if self._events and self._acks is not None:
                await self._acks.wait_for_room()
                continue
            if self._failure is not None:
                raise self._failure
            if self._closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        self._reader_late_s = self.reader_late_s
        queued = self._events.popleft()
        if self._acks is not None:
            self._acks.record_sent()
        queued.on_taken()
        self._taken.set()
        return queued.event
