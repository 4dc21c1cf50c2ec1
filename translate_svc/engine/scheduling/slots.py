"""Which sequence owns which row of the decoder's caches."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from translate_svc.engine.plan import SequenceKey
from translate_svc.errors import InvariantViolation


class SlotPool:
    """The pool of ``max_slots`` slots.

    A request acquires all its slots or none. So no request holds slots while it waits for more.

    The lowest free slots are acquired first. This keeps the busy rows close together.

    The pool is the scheduler's record of slot owners. ``SequenceState.slots`` is the same fact on the side of
    the sequence, and ``release`` compares the two.
    """

    def __init__(self, max_slots: int) -> None:
        self._free = list(range(max_slots))  # a heap
        self._owners: dict[int, SequenceKey] = {}

    @property
    def free(self) -> int:
        """Number of free slots."""
        return len(self._free)

    @property
    def owners(self) -> Mapping[int, SequenceKey]:
        """The owner of each busy slot (a live view)."""
        return MappingProxyType(self._owners)

    def acquire(self, keys: Sequence[SequenceKey]) -> tuple[int, ...] | None:
        """Acquires one slot for each key, in order. Returns None and acquires none when too few are free."""
        if len(keys) > len(self._free):
            return None
        slots = tuple(heapq.heappop(self._free) for _ in keys)
        self._owners.update(zip(slots, keys, strict=True))
        return slots

    def pass_on(self, slot: int, key: SequenceKey, heir: SequenceKey) -> None:
        """Makes ``heir`` the owner of a slot.

        Raises:
            InvariantViolation: ``key`` does not own it.
        """
        if self._owners.get(slot) != key:
            raise InvariantViolation(f"slot {slot} is passed on by a sequence that does not own it")
        self._owners[slot] = heir

    def release(self, slot: int, key: SequenceKey) -> None:
        """Returns a slot to the pool.

        Raises:
            InvariantViolation: ``key`` does not own it.
        """
        if self._owners.get(slot) != key:
            raise InvariantViolation(f"slot {slot} is released by a sequence that does not own it")
        del self._owners[slot]
        heapq.heappush(self._free, slot)
