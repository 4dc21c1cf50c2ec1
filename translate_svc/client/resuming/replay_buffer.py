"""The messages of a stream that may have to be sent again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from translate_svc.types import (
    AudioInput,
    ClearInput,
    ClientMessage,
    SilenceInput,
    UpdateInput,
)

_MESSAGE_BYTES = 200
"""About what a message costs in memory in addition to its audio."""


@dataclass(frozen=True, slots=True, eq=False)
class SentMessage:
    """One message at its place in the stream.

    Attributes:
        number: counts the messages of the stream from 1.
        start: input sample that it follows.
        end: input sample after its audio or silence; ``start`` if it has none.
        update: which update it is, counted from 0; -1: another message.
    """

    message: ClientMessage
    number: int
    start: int
    end: int
    update: int = -1

    @property
    def size_bytes(self) -> int:
        """Memory in use."""
        return _MESSAGE_BYTES + (len(self.message.data) if isinstance(self.message, AudioInput) else 0)


class ReplayBuffer:
    """Messages in order: those that are not committed yet, of which the first ones were sent to the server.

    Args:
        count_samples: samples that the data of an ``AudioInput`` holds.
        run_up_samples: kept before the commit point, for decoders that have a memory.
        max_bytes: bound. Beyond it the oldest audio that was sent is forgotten.
    """

    def __init__(self, count_samples: Callable[[bytes], int], *, run_up_samples: int, max_bytes: int) -> None:
        self._count_samples = count_samples
        self._run_up_samples = run_up_samples
        self._max_bytes = max_bytes
        self._messages: deque[SentMessage] = deque()
        self._bytes = 0
        self._sent = 0  # of the messages in the buffer
        self._numbers = 0
        self._updates = 0
        self.total_samples = 0
        """Position after the last message."""
        self.sent_number = 0
        """The last message that was ever sent."""

    def append(self, message: ClientMessage) -> SentMessage:
        """Adds the next message of the stream, which is not sent yet."""
        start = self.total_samples
        if isinstance(message, AudioInput):
            self.total_samples += self._count_samples(message.data)
        elif isinstance(message, SilenceInput):
            self.total_samples += message.samples
        update = -1
        if isinstance(message, UpdateInput):
            update, self._updates = self._updates, self._updates + 1
        self._numbers += 1
        entry = SentMessage(message, self._numbers, start, self.total_samples, update)
        self._messages.append(entry)
        self._bytes += entry.size_bytes
        self._forget_oldest()
        return entry

    def next_unsent(self) -> SentMessage | None:
        """The first message that was not sent to the present server."""
        return self._messages[self._sent] if self._sent < len(self._messages) else None

    def mark_sent(self, entry: SentMessage) -> None:
        """``entry``, the ``next_unsent`` one, was sent."""
        self._sent += 1
        self.sent_number = max(self.sent_number, entry.number)
        self._forget_oldest()

    def commit(self, position: int, applied_updates: int) -> None:
        """Input before ``position`` is never needed again, nor are the first ``applied_updates``."""
        self._keep(lambda each: _is_needed(each, position, applied_updates, self._run_up_samples))

    def cleared_through(self, position: int) -> int | None:
        """Position of the last ``clear`` at ``position`` or later; None without one."""
        clears = (each.start for each in self._messages if isinstance(each.message, ClearInput))
        return max((start for start in clears if start >= position), default=None)

    def rewind(self, position: int, applied_updates: int, *, run_up: bool) -> None:
        """All from ``position`` on is to be sent again, but for ``clear``: that has happened.

        ``run_up``: audio before ``position``, as far as decoders need it.
        """
        run_up_samples = self._run_up_samples if run_up else 0
        self._sent = len(self._messages)
        self._keep(
            lambda each: (
                not isinstance(each.message, ClearInput)
                and _is_needed(each, position, applied_updates, run_up_samples)
            )
        )
        self._sent = 0

    @property
    def first_sample(self) -> int:
        """Position of the first audio or silence in the buffer; ``total_samples`` if there is none."""
        return next((each.start for each in self._messages if each.end > each.start), self.total_samples)

    def _keep(self, needed: Callable[[SentMessage], bool]) -> None:
        """Drops messages that were sent and are not needed."""
        kept: list[SentMessage] = []
        sent = 0
        for index, each in enumerate(self._messages):
            if index >= self._sent or needed(each):
                kept.append(each)
                sent += index < self._sent
            else:
                self._bytes -= each.size_bytes
                self.sent_number = max(self.sent_number, each.number)
        self._messages, self._sent = deque(kept), sent

    def _forget_oldest(self) -> None:
        if self._bytes <= self._max_bytes:
            return
        excess = self._bytes - self._max_bytes * 3 // 4  # not at every message: each time visits all of them

        def is_needed(each: SentMessage) -> bool:
            nonlocal excess
            if excess <= 0 or not isinstance(each.message, AudioInput):
                return True
            excess -= each.size_bytes
            return False

        self._keep(is_needed)


def _is_needed(each: SentMessage, position: int, applied_updates: int, run_up_samples: int) -> bool:
    if each.update >= 0:
        return each.update >= applied_updates
    if isinstance(each.message, AudioInput):
        return each.end > position - run_up_samples
    return each.end > position or (each.start >= position and not isinstance(each.message, SilenceInput))
