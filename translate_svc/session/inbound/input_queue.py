"""Input that the client has sent and the segmenter has not taken yet."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.types import Samples


@dataclass(frozen=True, slots=True, eq=False)
class QueuedAudio:
    """Decoded audio at the input rate. ``arrived_s`` is the event loop's time when its message arrived."""

    samples: Samples
    arrived_s: float


@dataclass(frozen=True, slots=True)
class QueuedSilence:
    """A run of silence at the input rate."""

    samples: int
    arrived_s: float


@dataclass(frozen=True, slots=True)
class QueuedFinalize:
    """End the running utterance here."""

    arrived_s: float


@dataclass(frozen=True, slots=True)
class QueuedUpdate:
    """New settings, valid from the next utterance on."""

    settings: Negotiated


@dataclass(frozen=True, slots=True)
class QueuedEnd:
    """No more input. ``complete``: the client sent ``end``, rather than closing its side. ``cut_off``: the
    server hears no more of it.
    """

    complete: bool
    arrived_s: float
    cut_off: bool = False


Queued = QueuedAudio | QueuedSilence | QueuedFinalize | QueuedUpdate | QueuedEnd


def length_samples(item: Queued) -> int:
    """Input samples that an item stands for; 0 if it holds no audio."""
    if isinstance(item, QueuedAudio):
        return len(item.samples)
    return item.samples if isinstance(item, QueuedSilence) else 0


class InputQueue:
    """A first-in, first-out queue with one writer and one reader, bounded by ``max_samples`` of audio.

    ``wait_for_room`` waits until less than ``max_samples`` is queued, so one message may exceed the bound.
    An item without audio counts as one VAD frame, so that a flood of such items is bounded too.
    """

    ITEM_COST_SAMPLES = 512

    def __init__(self, max_samples: int) -> None:
        self._max_samples = max_samples
        self._items: deque[Queued] = deque()
        self._cost_samples = 0
        self._audio_samples = 0  # put since the reader found the queue empty
        self._wanted_samples = 1
        self._reader: asyncio.Future[None] | None = None
        self._waiting: list[asyncio.Future[None]] = []  # for room, or for an idle reader
        self._discarded = False

    def __len__(self) -> int:
        """Items that wait."""
        return len(self._items)

    @property
    def samples(self) -> int:
        """Input samples that wait, silence included."""
        return sum(length_samples(item) for item in self._items)

    @property
    def oldest_arrived_s(self) -> float | None:
        """When the oldest item with audio arrived; None without one, or if the reader waits for more.

        What the client has to send first makes nobody late.
        """
        if self._reader_waits:
            return None
        return next(
            (item.arrived_s for item in self._items if isinstance(item, QueuedAudio | QueuedSilence)), None
        )

    @property
    def has_room(self) -> bool:
        """Whether ``wait_for_room`` would not wait."""
        return self._cost_samples < self._max_samples

    async def wait_for_room(self) -> None:
        """Waits until the queue is below its bound."""
        while not self.has_room:
            await self._changed()

    async def wait_idle(self) -> None:
        """Waits until the reader has processed all that it could take and asks for more, or ``discard``."""
        while not self._discarded and not self._reader_waits:
            await self._changed()

    def put(self, item: Queued) -> None:
        """Appends an item. The writer must await ``wait_for_room`` first."""
        self._items.append(item)
        self._cost_samples += self._cost(item)
        if isinstance(item, QueuedAudio):
            self._audio_samples += len(item.samples)
            if self._audio_samples < self._wanted_samples and self.has_room:
                return
        _wake(self._reader)

    async def get(self, min_samples: int = 1) -> Queued:
        """Removes and returns the oldest item; waits for one.

        If the queue is empty, the reader is woken only after ``min_samples`` of audio have been put, or
        when the queue is full, or by an item of another kind. This saves wake-ups for tiny messages.
        """
        if not self._items:
            self._wanted_samples, self._audio_samples = min_samples, 0
            while not self._items:
                self._reader = asyncio.get_running_loop().create_future()
                self._wake_waiting()
                await self._reader
        item = self._items.popleft()
        self._cost_samples -= self._cost(item)
        self._wake_waiting()
        return item

    def drop_audio(self) -> int:
        """Drops everything but settings updates; those apply whether the audio is processed or not.

        Returns how many input samples were dropped.
        """
        dropped = sum(length_samples(item) for item in self._items)
        self._items = deque(item for item in self._items if isinstance(item, QueuedUpdate))
        self._cost_samples = sum(self._cost(item) for item in self._items)
        self._audio_samples = 0
        self._wake_waiting()
        return dropped

    def discard(self) -> None:
        """Drops everything for good, and wakes all that wait."""
        self._items.clear()
        self._cost_samples = self._audio_samples = 0
        self._discarded = True
        self._wake_waiting()

    @property
    def _reader_waits(self) -> bool:
        """Whether the reader has processed all that it could take, and asks for more."""
        return self._reader is not None and not self._reader.done()

    async def _changed(self) -> None:
        changed = asyncio.get_running_loop().create_future()
        self._waiting.append(changed)
        await changed

    def _wake_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            _wake(each)

    def _cost(self, item: Queued) -> int:
        return max(length_samples(item), self.ITEM_COST_SAMPLES)


def _wake(waiting: asyncio.Future[None] | None) -> None:
    """Futures are cheaper here than an ``asyncio.Event``."""
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
