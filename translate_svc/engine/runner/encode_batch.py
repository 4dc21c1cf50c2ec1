"""Encodings that are begun together and may take several steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from translate_svc.engine.plan import EncodeItem
from translate_svc.errors import EngineError
from translate_svc.models.slices import Slices


class EncodeBatch:
    """One batch of the encoders on its way.

    Args:
        items: what was begun together; each has a ticket of its own.
        problems: for each item what is wrong with it, or None.
        slices: encodes those without a problem; its result has an outcome for each of them, in order.
        synchronize: waits until the device has done what the last slice asked of it.
        clock: seconds; the one that ``until_s`` is read from.
    """

    def __init__(
        self,
        items: Sequence[EncodeItem],
        problems: Sequence[str | None],
        slices: Slices[list[int | EngineError]],
        synchronize: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        self._items = tuple(items)
        self._problems = tuple(problems)
        self._slices = slices
        self._synchronize = synchronize
        self._clock = clock
        self._outcomes: dict[int, int | EngineError] = {}

    def covers(self, items: Sequence[EncodeItem]) -> bool:
        """Whether all of these were begun in it."""
        begun = {item.ticket for item in self._items}
        return all(item.ticket in begun for item in items)

    def advance(self, until_s: float) -> bool:
        """Computes one slice, and more while another as long as the last one ends by ``until_s``,
        or all of them without a wait where that is infinite; returns whether it is done with all.
        """
        now_s = self._clock()
        while True:
            started_s = now_s
            try:
                next(self._slices)
            except StopIteration as done:
                self._settle(done.value)
                return True
            if until_s == math.inf:
                continue  # the device may lag behind as far as it likes
            self._synchronize()
            now_s = self._clock()
            if now_s + (now_s - started_s) > until_s:
                return False

    def outcome(self, item: EncodeItem) -> int | EngineError:
        """Once it is done: the number of encoder states, or why there are none."""
        return self._outcomes[item.ticket]

    def _settle(self, outcomes: Sequence[int | EngineError]) -> None:
        left = iter(outcomes)
        for item, problem in zip(self._items, self._problems, strict=True):
            self._outcomes[item.ticket] = next(left) if problem is None else EngineError(problem)
