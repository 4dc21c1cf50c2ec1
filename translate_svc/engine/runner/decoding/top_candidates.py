"""The likeliest tokens of rows of logits, for beam search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor

from translate_svc.engine.runner.decoding.constraint_biases import ConstraintBiases

Candidates = tuple[tuple[int, float], ...]
"""Tokens and their natural log-probabilities, the best first; of equal ones the lower token first."""


def top_candidates(
    logits: Tensor, counts: Sequence[int], constrained: Mapping[int, int], biases: ConstraintBiases
) -> list[Candidates]:
    """The ``counts[i]`` likeliest tokens of row ``i``. Waits for the device.

    Args:
        logits: ``[N, vocabulary]`` float32.
        counts: may exceed the vocabulary.
        constrained: the slots of the rows that have a constraint, by row. Its biases are added to the
            log-probabilities, as transformers' ``LogitsProcessor`` does in beam search.
        biases: the constraints of the slots.
    """
    log_probabilities = logits.log_softmax(dim=-1)
    biases.constrain(log_probabilities, constrained)
    best = log_probabilities.topk(min(max(counts), logits.shape[1]), dim=1)
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    ranked = (sorted(zip(*pair, strict=True), key=lambda each: (-each[1], each[0])) for pair in pairs)
    return [tuple(each[:count]) for each, count in zip(ranked, counts, strict=True)]
