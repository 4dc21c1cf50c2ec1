from __future__ import annotations

import pytest

from translate_svc.engine.plan import SequenceKey
from translate_svc.engine.scheduling.slots import SlotPool
from translate_svc.errors import InvariantViolation

A0, A1, B0, B1 = (SequenceKey(request_id, sequence) for request_id in "ab" for sequence in (0, 1))


@pytest.mark.parametrize(("slot", "key"), [(0, A1), (2, A0), (7, A0)])
def test_only_the_owner_can_release(slot: int, key: SequenceKey) -> None:
    pool = SlotPool(3)
    pool.acquire([A0, A1])
    with pytest.raises(InvariantViolation, match=f"slot {slot}"):
        pool.release(slot, key)


def test_a_slot_is_released_once() -> None:
    pool = SlotPool(1)
    pool.acquire([A0])
    pool.release(0, A0)
    with pytest.raises(InvariantViolation):
        pool.release(0, A0)
