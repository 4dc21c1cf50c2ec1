"""The rows of beams in the model's caches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from translate_svc.engine.plan import BeamItem, DecodeItem, PlanItem
from translate_svc.engine.runner.slot_ledger import SlotLedger
from translate_svc.models.speech_model import SpeechModel

DecodeWork = DecodeItem | BeamItem


def rows_of(item: DecodeWork) -> tuple[DecodeItem, ...]:
    """The rows that an item advances."""
    return item.rows if isinstance(item, BeamItem) else (item,)


def batch_size(items: Sequence[PlanItem]) -> int:
    """Number of items; of beams each counts."""
    if not isinstance(items[-1], BeamItem):  # they come last
        return len(items)
    return sum(len(item.rows) if isinstance(item, BeamItem) else 1 for item in items)


def copy_rows(model: SpeechModel, ledger: SlotLedger, items: Sequence[DecodeWork]) -> None:
    """Makes the copies of valid items. To do so again before the result is recorded changes nothing.

    A slot that does not belong to the sequence yet gets its source, too.
    """
    moved: list[tuple[int, int]] = []
    tokens = 0
    for item in items:
        if isinstance(item, BeamItem) and item.copies:
            forks: defaultdict[int, list[int]] = defaultdict(list)
            for slot, origin in item.copies:
                if ledger.find(item.key, slot) is None:
                    forks[origin].append(slot)
                else:
                    moved.append((slot, origin))
            for origin, copies in forks.items():
                model.fork(origin, copies)
            tokens = max(tokens, *(row.position for row in item.rows))
    if moved:
        model.reorder([slot for slot, _ in moved], [origin for _, origin in moved], tokens)


def record_copies(ledger: SlotLedger, item: BeamItem) -> None:
    """Records the copies of an item, and the tokens that its rows give up."""
    for slot, origin in item.copies:
        ledger.copy(slot, origin)
    for row in item.rows:
        ledger.rewind(row.slot, row.position)
