"""How much memory a model takes, before its weights are read, and whether that is free."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.errors import InvalidArgument
from translate_svc.models.store.sizes import size_text


@dataclass(frozen=True, slots=True)
class MemoryEstimate:
    """Bytes that a loaded model takes where it computes.

    Attributes:
        weights: of all parts, in the form that they are computed with.
        caches: keys, values and states of all slots.
        graphs: captured CUDA graphs; 0 on a CPU.
        work: tensors that come and go. On a CPU also the interpreter and its libraries.
        slot: the part of ``caches`` that one slot takes.
    """

    weights: int
    caches: int
    graphs: int
    work: int
    slot: int

    @property
    def total(self) -> int:
        """Everything."""
        return self.weights + self.caches + self.graphs + self.work

    def __str__(self) -> str:
        parts = [("weights", self.weights), ("caches", self.caches), ("graphs", self.graphs)]
        named = ", ".join(f"{size_text(size)} {name}" for name, size in parts if size)
        return f"{size_text(self.total)}: {named}, {size_text(self.work)} to work with"


def check_fits(estimate: MemoryEstimate, free_bytes: int, bound: str, *, max_slots: int) -> None:
    """Refuses a model that needs more than there is, with the figures and what to do.

    Args:
        estimate: what it needs with ``max_slots``.
        free_bytes: what it can take.
        bound: what has no more than that, in words: ``the machine``.
        max_slots: the slots asked for.

    Raises:
        InvalidArgument: it does not fit; ``field`` is ``max_slots`` if fewer slots would fit, else ``dtype``.
    """
    if estimate.total <= free_bytes:
        return
    spare = free_bytes - (estimate.total - estimate.caches)
    slots = min(spare // estimate.slot if estimate.slot else 0, max_slots - 1)
    needs = f"the model needs {estimate}. {bound} has {size_text(free_bytes)} for it"
    if slots >= 1:
        raise InvalidArgument(f"{needs}: enough for {slots} slots", field="max_slots")
    cure = "A smaller precision takes less: bfloat16 half of float32, int8 less still"
    raise InvalidArgument(f"{needs}: too little even for one slot. {cure}", field="dtype")
