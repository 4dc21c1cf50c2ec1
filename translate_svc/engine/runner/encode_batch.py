"""A batch of encodings that start together and may take several steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from translate_svc.engine.plan import EncodeItem
from translate_svc.errors import EngineError
from translate_svc.models.log_mel import LogMelFrames, LogMelMemory
from translate_svc.models.slices import DeviceEvent, Passed, Slices


class EncodeBatch:
    """One batch in the encoders.

    Args:
        items: the items that start together; each has its own ``job_id``.
        problems: for each item its error, or None.
        slices: encodes the items without an error; its result holds an outcome for each of them, in order.
        record_event: marks the end of the work that the device was given so far.
        clock: the clock of ``until_s``, in seconds.
        memories: by job, what the encoding writes its log-mel frames to.
    """

    def __init__(
        self,
        items: Sequence[EncodeItem],
        problems: Sequence[str | None],
        slices: Slices[list[int | EngineError]],
        record_event: Callable[[], DeviceEvent],
        clock: Callable[[], float],
        memories: Mapping[int, LogMelMemory] = MappingProxyType({}),
    ) -> None:
        self._items = tuple(items)
        self._problems = tuple(problems)
        self._slices = slices
        self._record_event = record_event
        self._given: DeviceEvent = Passed()
        self._clock = clock
        self._memories = memories
        self._outcomes: dict[int, int | EngineError] = {}

    def covers(self, items: Sequence[EncodeItem]) -> bool:
        """Whether the batch holds the jobs of all ``items``."""
        job_ids = {item.job_id for item in self._items}
        return all(item.job_id in job_ids for item in items)

    def advance(self, until_s: float) -> bool:
        """Computes one slice, then more slices until ``until_s``; returns whether all are done.

        A further slice starts only if it would end by ``until_s``, assuming that it takes as long as the last
        one, and only when the device has done the last one: texts wait for one slice at most. With
        ``until_s`` infinite it starts all slices at once. It never waits for the device; the last slice does,
        for its results.
        """
        if until_s != math.inf and not self._given.query():
            return False
        now_s = self._clock()
        while True:
            started_s = now_s
            try:
                next(self._slices)
            except StopIteration as done:
                self._settle(done.value)
                return True
            if until_s == math.inf:
                continue  # no deadline: the device may be any number of slices behind
            self._given = self._record_event()
            now_s = self._clock()
            if not self._given.query() or now_s + (now_s - started_s) > until_s:
                return False

    def outcome(self, item: EncodeItem) -> int | EngineError:
        """The number of encoder states of an item, or its error. Only after ``advance`` returned True."""
        return self._outcomes[item.job_id]

    def log_mel(self, item: EncodeItem) -> LogMelFrames | None:
        """The log-mel frames of an item that keeps them. Only after ``advance`` returned True."""
        memory = self._memories.get(item.job_id)
        return None if memory is None else memory.frames

    def _settle(self, outcomes: Sequence[int | EngineError]) -> None:
        left = iter(outcomes)
        for item, problem in zip(self._items, self._problems, strict=True):
            self._outcomes[item.job_id] = next(left) if problem is None else EngineError(problem)
