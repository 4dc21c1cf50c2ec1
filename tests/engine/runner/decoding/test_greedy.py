"""The greedy choice: the first greatest logit, under the constraint of its slot alone."""

from __future__ import annotations

from math import inf

import pytest
import torch
from torch import Tensor

from translate_svc.engine.constraint import UNCONSTRAINED, Constraint
from translate_svc.engine.runner.decoding.constraint_biases import ConstraintBiases
from translate_svc.engine.runner.decoding.greedy import GreedyChoice, first_argmax

VOCABULARY = 50
MASKED = Constraint(masks=("even",))
BIASED = Constraint(biases=((7, 100.0),))


def biases(slots: int = 4) -> ConstraintBiases:
    masks = {"even": range(0, VOCABULARY, 2), "low": range(25)}
    return ConstraintBiases(masks, slots=slots, vocabulary_size=VOCABULARY, device=torch.device("cpu"))


def logits(rows: int = 4) -> Tensor:
    return torch.randn(rows, VOCABULARY, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("size", [1, 1_023, 4_096, 4_097, 5_000, 6_144])
def test_the_first_maximum_is_argmax(size: int) -> None:
    values = torch.randint(0, 50, (40, size), generator=torch.Generator().manual_seed(size)).float()
    values[torch.arange(40), torch.linspace(0, size - 1, 40).long()] = 50.0
    values[:5, -1] = 50.0
    values[5, size // 2] = torch.nan
    for row, place in zip(values, first_argmax(values).tolist(), strict=True):
        best = torch.isnan(row).nonzero() if row.isnan().any() else (row == 50.0).nonzero()
        assert place == int(best[0])


def test_a_constraint_is_for_its_slot_and_its_step() -> None:
    held, raw = biases(), logits()
    free = raw.argmax(dim=1).tolist()
    greedy = GreedyChoice(held)
    assert held.apply(2, MASKED)
    assert held.apply(0, BIASED)
    assert not held.apply(1, UNCONSTRAINED)
    odd = 1 + 2 * int(raw[2, 1::2].argmax())
    for choice in (greedy.of_slots(raw), greedy.of_rows(raw.clone(), {0: 0, 2: 2})):
        assert choice.token_ids.tolist() == [7, free[1], odd, free[3]]
        known = raw.log_softmax(dim=-1)  # the model's own probabilities, whatever may be chosen
        expected = known.gather(1, choice.token_ids[:, None]).squeeze(1)
        torch.testing.assert_close(choice.log_probabilities, expected)
    held.apply(2, Constraint(masks=("even", "low"), biases=((31, 100.0),)))
    assert int(greedy.of_slots(raw).token_ids[2]) == 31
    for slot in (0, 2):
        assert not held.apply(slot, UNCONSTRAINED)
    assert greedy.of_slots(raw).token_ids.tolist() == free
    assert not held.rows.any()


def test_rows_of_any_slots_are_constrained_by_their_slots() -> None:
    held, raw = biases(), logits(2)
    held.apply(3, BIASED)
    choice = GreedyChoice(held).of_rows(raw.clone(), {1: 3})
    assert choice.token_ids.tolist() == [int(raw[0].argmax()), 7]


def test_proposed_tokens_within_their_tolerance_are_chosen_with_their_own_probabilities() -> None:
    raw = logits()
    raw[3] = -1e9
    raw[3, 0] = 0.0
    choice = GreedyChoice(biases()).of_rows(raw.clone(), {}, {1: (9, inf), 3: (5, inf), 2: (4, 0.0)})
    assert choice.token_ids.tolist() == [int(raw[0].argmax()), 9, int(raw[2].argmax()), 5]
    assert float(choice.log_probabilities[1]) == pytest.approx(float(raw[1].log_softmax(0)[9]))
    assert torch.isfinite(choice.log_probabilities).all(), "an impossible token has a probability too"
    below = float(raw[1].max() - raw[1, 9])
    for tolerance, expected in ((below + 1e-3, 9), (below - 1e-3, int(raw[1].argmax()))):
        choice = GreedyChoice(biases()).of_rows(raw.clone(), {}, {1: (9, tolerance)})
        assert int(choice.token_ids[1]) == expected


@pytest.mark.parametrize("poison", [torch.nan, torch.inf])
def test_a_row_that_is_not_finite_has_no_finite_probability(poison: float) -> None:
    raw = logits()
    raw[1, 17] = poison
    held = biases()
    held.apply(1, MASKED)
    for choice in (GreedyChoice(held).of_slots(raw), GreedyChoice(held).of_rows(raw.clone(), {1: 1})):
        assert torch.isfinite(choice.log_probabilities).tolist() == [True, False, True, True]


@pytest.mark.parametrize(
    ("constraint", "problem"),
    [
        (Constraint(masks=("even", "nothing")), "do not all exist"),
        (Constraint(biases=((VOCABULARY, 1.0),)), "outside the vocabulary"),
        (MASKED, None),
    ],
)
def test_a_constraint_that_cannot_be_applied_is_told(constraint: Constraint, problem: str | None) -> None:
    found = biases().problem(constraint)
    assert (found is None) if problem is None else (found is not None and problem in found)
