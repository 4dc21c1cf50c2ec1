"""Constraints as numbers that are added to logits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

import torch
from torch import Tensor

from translate_svc.engine.constraint import UNCONSTRAINED, Constraint
from translate_svc.models.layers.transformer import to_device


class ConstraintBiases:
    """A row of biases for each slot: 0 for a token that is free, minus infinity for one that is masked or
    suppressed.

    The rows stay at their addresses, so a captured graph reads what ``apply`` wrote last.

    Args:
        masks: the token ids of each mask, by its name.
        slots: number of rows.
        vocabulary_size: length of a row.
        device: where the logits are.
        suppressed: tokens that are never chosen, whatever the constraint.

    Attributes:
        rows: ``[slots, vocabulary]`` float32.
    """

    def __init__(
        self,
        masks: Mapping[str, Sequence[int]],
        *,
        slots: int,
        vocabulary_size: int,
        device: torch.device,
        suppressed: Sequence[int] = (),
    ) -> None:
        self._masks = {name: torch.tensor(list(ids), device=device).long() for name, ids in masks.items()}
        self._held: dict[int, Constraint] = {}  # of the slots that have one
        self._suppressed = torch.tensor(list(suppressed), device=device).long()
        self.rows = self.suppress(torch.zeros(slots, vocabulary_size, device=device))

    @property
    def constrained_slots(self) -> AbstractSet[int]:
        """The slots whose rows constrain anything (a live view)."""
        return self._held.keys()

    def suppress(self, logits: Tensor) -> Tensor:
        """Masks the suppressed tokens of ``[N, vocabulary]`` logits or biases, in place."""
        return logits.index_fill_(1, self._suppressed, float("-inf")) if len(self._suppressed) else logits

    def constrain(self, logits: Tensor, constrained: Mapping[int, int]) -> None:
        """Applies the constraints of some rows of ``[N, vocabulary]`` logits, or log-probabilities, in place.

        ``constrained``: the slots of the rows that have a constraint, by row. The others are only suppressed.
        """
        if constrained:
            rows, slots = to_device([list(constrained), list(constrained.values())], logits.device)
            logits[rows] += self.rows[slots]
        self.suppress(logits)
        for row, slot in constrained.items():
            start = self._held[slot].group_from
            if start is not None:
                single, group = logits[row, :start], logits[row, start:]
                single.masked_fill_(group.logsumexp(dim=0) > single.max(), float("-inf"))

    def problem(self, constraint: Constraint) -> str | None:
        """Why ``constraint`` cannot be applied, or None."""
        if constraint is UNCONSTRAINED:
            return None
        if not self._masks.keys() >= set(constraint.masks):
            return f"masks {constraint.masks} do not all exist"
        if not all(0 <= token_id < self.rows.shape[1] for token_id, _ in constraint.biases):
            return "biases are outside the vocabulary"
        return None

    def apply(self, slot: int, constraint: Constraint) -> bool:
        """Makes ``constraint`` that of ``slot``. A repeated one costs nothing.

        Returns whether it constrains anything.
        """
        if constraint != self._held.get(slot, UNCONSTRAINED):
            row = self.suppress(self.rows[slot : slot + 1].zero_())[0]
            for start, end in constraint.ranges:
                row[start:end] = float("-inf")
            for token_id, bias in constraint.biases:
                row[token_id] += bias
            for name in constraint.masks:
                row.index_fill_(0, self._masks[name], float("-inf"))
            if constraint == UNCONSTRAINED:
                del self._held[slot]
            else:
                self._held[slot] = constraint
        return constraint != UNCONSTRAINED
