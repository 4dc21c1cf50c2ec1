"""Who holds which slot of the runner, and what it was fed: the runner's own record, against which plans are
checked.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from translate_svc.engine.plan import DecodeItem, EncodeItem, SequenceKey
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ


@dataclass(slots=True)
class SlotEntry:
    """One sequence in its slot. ``source_ms``: how long its source is; None for a text."""

    key: SequenceKey
    source_ms: int | None
    fed_token_ids: list[int] = field(default_factory=list)


class SlotLedger:
    """``max_slots`` of them, all empty at first.

    A safety net: the scheduler's ``SlotPool`` decides, and this second record, kept by what the runner was
    really asked to do, finds out a plan that mixes slots up before it can harm a batch mate.
    """

    def __init__(self, max_slots: int) -> None:
        self._by_slot: list[SlotEntry | None] = [None] * max_slots

    def exists(self, slot: int) -> bool:
        """Whether there is such a slot."""
        return 0 <= slot < len(self._by_slot)

    def find(self, key: SequenceKey, slot: int) -> SlotEntry | None:
        """What ``slot`` holds, if it is ``key``'s."""
        tenant = self._by_slot[slot] if self.exists(slot) else None
        return tenant if tenant is not None and tenant.key == key else None

    def evict(self, slot: int) -> None:
        """The slot is empty."""
        self._by_slot[slot] = None

    def move_in(self, item: EncodeItem) -> None:
        """The item's sequences hold its slots; nothing was fed yet."""
        is_text = isinstance(item.source, tuple)
        source_ms = None if is_text else len(item.source) * 1000 // INTERNAL_SAMPLE_RATE_HZ
        for sequence, slot in enumerate(item.slots):
            self._by_slot[slot] = SlotEntry(SequenceKey(item.request_id, sequence), source_ms)

    def feed(self, item: DecodeItem, source_ms: int | None) -> int | None:
        """Records a token fed; gives its time, kept within the source. A text has no times."""
        tenant = self._by_slot[item.slot]
        assert tenant is not None, "only a slot's owner gets here"
        tenant.fed_token_ids.append(item.token_id)
        if source_ms is None or tenant.source_ms is None:
            return None
        return min(source_ms, tenant.source_ms)
