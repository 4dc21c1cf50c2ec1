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
        self._waiting: list[asyncio.Future[None]] = []

    def __len__(self) -> int:
        """Items that wait."""
        return len(self._line)

    @property
    def samples(self) -> int:
        """Input samples that wait, silence included."""
        return sum(length_samples(item) for item in self._line)

    async def room(self) -> None:
        """Waits until the line is below its bound."""
        while self._cost_samples >= self._max_samples:
            await self._change()

    def put(self, item: Queued) -> None:
        """Appends an item; the writer awaits ``room`` before."""
        self._line.append(item)
        self._cost_samples += self._cost(item)
        self._tell()

    async def get(self) -> Queued:
        """The oldest item; waits for one."""
        while not self._line:
            await self._change()
        item = self._line.popleft()
        self._cost_samples -= self._cost(item)
        self._tell()
        return item

    def drop_audio(self) -> int:
        """Drops audio, silence and cuts; updates stay, they apply whatever becomes of the audio.

        Returns how many input samples were dropped.
        """
        dropped = sum(length_samples(item) for item in self._line)
        self._line = deque(item for item in self._line if isinstance(item, QueuedUpdate))
        self._cost_samples = sum(self._cost(item) for item in self._line)
        self._tell()
        return dropped

    def discard(self) -> None:
        """Drops everything; a writer that waits for room goes on."""
        self._line.clear()
        self._cost_samples = 0
        self._tell()

    async def _change(self) -> None:
        changed = asyncio.get_running_loop().create_future()
        self._waiting.append(changed)
        await changed

    def _tell(self) -> None:
        """Wakes whoever waits: the reader for an item, or writers for room. An Event would cost more."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            for changed in waiting:
                if not changed.done():
                    changed.set_result(None)

    def _cost(self, item: Queued) -> int:
        return max(length_samples(item), self.ITEM_COST_SAMPLES)
