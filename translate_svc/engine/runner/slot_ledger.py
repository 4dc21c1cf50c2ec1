"""The runner's own record of slots: which sequence holds each, and which tokens it was fed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from translate_svc.engine.constraint import UNCONSTRAINED
from translate_svc.engine.plan import DecodeItem, EncodeItem, SequenceKey
from translate_svc.engine.step_result import DecodeResult
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ


@dataclass(slots=True)
class SlotEntry:
    """One sequence in its slot. ``source_ms``: the length of its source as it is heard; None for a text."""

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
        heard_ms = len(item.source) * 1000 / INTERNAL_SAMPLE_RATE_HZ / item.speed
        source_ms = None if is_text else int(heard_ms)
        for sequence, slot in zip(item.sequences or range(len(item.slots)), item.slots, strict=True):
            self._entries[slot] = SlotEntry(SequenceKey(item.request_id, sequence), source_ms)

    def copy(self, slot: int, origin: int) -> None:
        """Gives a slot to the owner of ``origin``, with the tokens that this was fed."""
        entry = self._entries[origin]
        assert entry is not None, "the item passed ``ItemChecks.beams``"
        self._entries[slot] = SlotEntry(entry.key, entry.source_ms, entry.fed_token_ids[:])

    def rewind(self, slot: int, position: int) -> None:
        """Gives up the tokens of a slot from ``position`` on."""
        entry = self._entries[slot]
        assert entry is not None, "the item passed ``ItemChecks.beams``"
        del entry.fed_token_ids[position:]

    def are_steps(self, items: Sequence[DecodeItem], max_tokens: int, vocabulary_size: int) -> bool:
        """Whether each item feeds the next token to the sequence that holds its slot, without a constraint.

        So most items need no closer look.
        """
        entries = self._entries
        for item in items:
            slot, token_ids = item.slot, item.token_ids
            entry = entries[slot] if 0 <= slot < len(entries) else None
            if (
                entry is None
                or entry.key != item.key
                or len(token_ids) != 1
                or not item.position == len(entry.fed_token_ids) < max_tokens
                or not 0 <= token_ids[0] < vocabulary_size
                or item.constraint is not UNCONSTRAINED
                or item.speculative_token_ids
            ):
                return False
        return True

    def record_tokens(self, item: DecodeItem, result: DecodeResult) -> None:
        """Records the tokens of a run, which give up those from its position on, and the accepted ones of its
        speculative tokens.

        Limits ``source_ms`` of the result to the length of the source. A text has none.
        """
        entry = self._entries[item.slot]
        assert entry is not None, "the item passed ``ItemChecks.decode``"
        del entry.fed_token_ids[item.position :]
        entry.fed_token_ids += item.token_ids
        if result.accepted:
            entry.fed_token_ids += item.speculative_token_ids[: len(result.accepted)]
        result.source_ms = _limited(result.source_ms, entry.source_ms)
        result.accepted_source_ms = tuple(
            _limited(each, entry.source_ms) for each in result.accepted_source_ms
        )


def _limited(at_ms: int | None, source_ms: int | None) -> int | None:
    """``source_ms``: the length of the source; None for a text, which has no times."""
    return None if at_ms is None or source_ms is None else min(at_ms, source_ms)
