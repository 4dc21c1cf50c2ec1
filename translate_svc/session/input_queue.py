"""What the client has sent and the segmenter has not taken yet."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from translate_svc.session.negotiation import Negotiated
from translate_svc.types import Samples


@dataclass(frozen=True, slots=True, eq=False)
class QueuedAudio:
    """Decoded audio at the input rate. ``arrived_s`` is the loop's time when its message came in."""

    samples: Samples
    arrived_s: float


@dataclass(frozen=True, slots=True)
class QueuedSilence:
    """A run of silence at the input rate."""

    samples: int
    arrived_s: float


@dataclass(frozen=True, slots=True)
class QueuedFinalize:
    """Cut here."""

    arrived_s: float


@dataclass(frozen=True, slots=True)
class QueuedUpdate:
    """Settings, valid from the next utterance on."""

    settings: Negotiated


@dataclass(frozen=True, slots=True)
class QueuedEnd:
    """No more input."""

    complete: bool
    arrived_s: float


Queued = QueuedAudio | QueuedSilence | QueuedFinalize | QueuedUpdate | QueuedEnd


def length_samples(item: Queued) -> int:
    """Input samples that an item stands for."""
    if isinstance(item, QueuedAudio):
        return len(item.samples)
    return item.samples if isinstance(item, QueuedSilence) else 0


class InputQueue:
    """A first-in, first-out line with one writer and one reader, bounded by ``max_samples`` of audio.

    An item is let in while less than that waits, so one message may stand above the bound; ``room`` waits
    otherwise. Items that hold no audio count as one VAD frame's worth, lest a flood of them be free.
    """

    ITEM_COST_SAMPLES = 512

    def __init__(self, max_samples: int) -> None:
        self._max_samples = max_samples
        self._line: deque[Queued] = deque()
        self._cost_samples = 0
        self._audio_samples = 0  # put since the reader found nothing
        self._wanted_samples = 1
        self._reader: asyncio.Future[None] | None = None
        self._writers: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        """Items that wait."""
        return len(self._line)

    @property
    def samples(self) -> int:
        """Input samples that wait, silence included."""
        return sum(length_samples(item) for item in self._line)

    @property
    def has_room(self) -> bool:
        """Whether ``room`` would not wait."""
        return self._cost_samples < self._max_samples

    async def room(self) -> None:
        """Waits until the line is below its bound."""
        while not self.has_room:
            changed = asyncio.get_running_loop().create_future()
            self._writers.append(changed)
            await changed

    def put(self, item: Queued) -> None:
        """Appends an item; the writer awaits ``room`` before."""
        self._line.append(item)
        self._cost_samples += self._cost(item)
        if isinstance(item, QueuedAudio):
            self._audio_samples += len(item.samples)
            if self._audio_samples < self._wanted_samples and self.has_room:
                return
        _wake(self._reader)

    async def get(self, wanted_samples: int = 1) -> Queued:
        """The oldest item; waits for one.

        Where nothing waits, a reader to whom less audio than ``wanted_samples`` means nothing is not woken
        for less, as long as the line has room; for an item of another kind it is.
        """
        if not self._line:
            self._wanted_samples, self._audio_samples = wanted_samples, 0
            while not self._line:
                self._reader = asyncio.get_running_loop().create_future()
                await self._reader
        item = self._line.popleft()
        self._cost_samples -= self._cost(item)
        self._tell_writers()
        return item

    def drop_audio(self) -> int:
        """Drops audio, silence and cuts; updates stay, they apply whatever becomes of the audio.

        Returns how many input samples were dropped.
        """
        dropped = sum(length_samples(item) for item in self._line)
        self._line = deque(item for item in self._line if isinstance(item, QueuedUpdate))
        self._cost_samples = sum(self._cost(item) for item in self._line)
        self._audio_samples = 0
        self._tell_writers()
        return dropped

    def discard(self) -> None:
        """Drops everything; a writer that waits for room goes on."""
        self._line.clear()
        self._cost_samples = self._audio_samples = 0
        self._tell_writers()

    def _tell_writers(self) -> None:
        writers, self._writers = self._writers, []
        for writer in writers:
            _wake(writer)

    def _cost(self, item: Queued) -> int:
        return max(length_samples(item), self.ITEM_COST_SAMPLES)


def _wake(waiting: asyncio.Future[None] | None) -> None:
    """An Event would cost more."""
    if waiting is not None and not waiting.done():
        waiting.set_result(None)
