"""The runner's own record of slots: which sequence holds each, and which tokens it was fed."""

from __future__ import annotations

from dataclasses import dataclass, field

from translate_svc.engine.plan import DecodeItem, DecodeResult, EncodeItem, SequenceKey
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ


@dataclass(slots=True)
class SlotEntry:
    """One sequence in its slot. ``source_ms``: the length of its source; None for a text."""

    key: SequenceKey
    source_ms: int | None
    fed_token_ids: list[int] = field(default_factory=list)


class SlotLedger:
    """``max_slots`` entries, all empty at first.

    It is a safety net. The scheduler's ``SlotPool`` decides who gets a slot. This second record follows what
    the runner was really asked to do. It detects a plan that confuses slots before the plan can harm another
    request.
    """

    def __init__(self, max_slots: int) -> None:
        self._entries: list[SlotEntry | None] = [None] * max_slots

    def exists(self, slot: int) -> bool:
        """Whether ``slot`` is a valid slot number."""
        return 0 <= slot < len(self._entries)

    def find(self, key: SequenceKey, slot: int) -> SlotEntry | None:
        """The entry of ``slot`` if ``key`` holds it, otherwise None."""
        entry = self._entries[slot] if 0 <= slot < len(self._entries) else None
        return entry if entry is not None and entry.key == key else None

    def release(self, slot: int) -> None:
        """Empties a slot."""
        self._entries[slot] = None

    def assign(self, item: EncodeItem) -> None:
        """Gives the item's slots to its sequences, with no token fed yet."""
        is_text = isinstance(item.source, tuple)
        source_ms = None if is_text else len(item.source) * 1000 // INTERNAL_SAMPLE_RATE_HZ
        for sequence, slot in enumerate(item.slots):
            self._entries[slot] = SlotEntry(SequenceKey(item.request_id, sequence), source_ms)

    def record_tokens(self, item: DecodeItem, result: DecodeResult) -> None:
        """Records the tokens of a run and the accepted ones of its speculative tokens.

        Limits ``source_ms`` of the result to the length of the source. A text has none.
        """
        entry = self._entries[item.slot]
        assert entry is not None, "the item passed ``ItemChecks.decode``"
        entry.fed_token_ids += item.token_ids
        if result.accepted:
            entry.fed_token_ids += item.speculative_token_ids[: len(result.accepted)]
        if result.source_ms is not None:
            result.source_ms = None if entry.source_ms is None else min(result.source_ms, entry.source_ms)
