"""Chooses the most probable token of each row of logits."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from translate_svc.engine.runner.decoding.constraint_biases import ConstraintBiases
from translate_svc.models.decoded_step import Choice
from translate_svc.models.layers.transformer import to_device

_STRETCH = 1024


class GreedyChoice:
    """The token with the greatest logit under the slot's constraint.

    Its log-probability is that of the model, without the constraint.
    """

    def __init__(self, biases: ConstraintBiases) -> None:
        self._biases = biases

    def of_slots(self, logits: Tensor) -> Choice:
        """Row ``i`` is slot ``i``: for captured steps, which read the biases of all their rows."""
        # softmax is four times as fast as logsumexp, and its result is not finite if any logit is NaN
        probabilities = logits.softmax(dim=-1)
        return _chosen(probabilities, first_argmax(logits + self._biases.rows[: len(logits)]))

    def of_rows(
        self,
        logits: Tensor,
        constrained: Mapping[int, int],
        proposed: Mapping[int, tuple[int, float]] | None = None,
    ) -> Choice:
        """Any rows.

        Args:
            logits: ``[N, vocabulary]`` float32; overwritten where a token is constrained.
            constrained: the slots of the rows that have a constraint, by row.
            proposed: by row, a token and how far its logit may lie below the greatest one, to be chosen.
        """
        probabilities = logits.softmax(dim=-1)
        self._biases.constrain(logits, constrained)
        token_ids = first_argmax(logits)
        if proposed:
            rows, tokens = to_device([list(proposed), [each for each, _ in proposed.values()]], logits.device)
            least = logits[rows, token_ids[rows]] - logits[rows, tokens]
            tolerances = torch.tensor([each for _, each in proposed.values()], device=logits.device)
            token_ids[rows] = torch.where(least <= tolerances, tokens, token_ids[rows])
            probabilities = probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny)  # NaN stays NaN
        return _chosen(probabilities, token_ids)


def _columns(pairs: Mapping[int, int], device: torch.device) -> Tensor:
    """Keys and values, ``[2, n]`` int64."""
    return to_device([list(pairs.keys()), list(pairs.values())], device)


def _chosen(probabilities: Tensor, token_ids: Tensor) -> Choice:
    return Choice(token_ids, probabilities.gather(1, token_ids[:, None]).squeeze(1).log())


def first_argmax(values: Tensor) -> Tensor:
    """``values.argmax(dim=1)`` of ``[B, N]``.

    Works in two steps if ``N`` is large, because finding the index is ten times as slow as finding the value.
    """
    size = values.shape[1]
    if size <= 4 * _STRETCH:
        return values.argmax(dim=1)
    whole = size - size % _STRETCH
    greatest = values[:, :whole].reshape(len(values), whole // _STRETCH, _STRETCH).amax(dim=2)
    if whole < size:
        greatest = torch.cat([greatest, values[:, whole:].amax(dim=1, keepdim=True)], dim=1)
    first = greatest.argmax(dim=1, keepdim=True) * _STRETCH
    places = (first + torch.arange(_STRETCH, device=values.device)).clamp(max=size - 1)
    return places.gather(1, values.gather(1, places).argmax(dim=1, keepdim=True)).squeeze(1)
