"""Who owns which row of the decoder's caches."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from translate_svc.engine.plan import SequenceKey
from translate_svc.errors import InvariantViolation


class SlotPool:
    """``max_slots`` slots. A request's are taken all at once or not at all, so that requests never wait for
    each other while holding some.

    The lowest free slots are given first, which keeps the rows in use close together.

    This is the scheduler's record of who owns a slot; ``SequenceState.slot`` is the same fact seen from the
    sequence, and ``release`` checks one against the other.
    """

    def __init__(self, max_slots: int) -> None:
        self._free = list(range(max_slots))  # a heap
        self._owners: dict[int, SequenceKey] = {}

    @property
    def free(self) -> int:
        """How many slots are free."""
        return len(self._free)

    @property
    def owners(self) -> Mapping[int, SequenceKey]:
        """Who owns each slot that is taken (a live view)."""
        return MappingProxyType(self._owners)

    def acquire(self, keys: Sequence[SequenceKey]) -> tuple[int, ...] | None:
        """One slot for each key, in their order; None, and nothing taken, when there are not enough."""
        if len(keys) > len(self._free):
            return None
        slots = tuple(heapq.heappop(self._free) for _ in keys)
        self._owners.update(zip(slots, keys, strict=True))
        return slots

    def release(self, slot: int, key: SequenceKey) -> None:
        """Gives a slot back.

        Raises:
            InvariantViolation: ``key`` does not own it.
        """
        if self._owners.get(slot) != key:
            raise InvariantViolation(f"slot {slot} is released by a sequence that does not own it")
        del self._owners[slot]
        heapq.heappush(self._free, slot)
