"""Constraints on the choice of a token. Plain data: a plan names it, the runner applies it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Constraint:
    """Of one sequence and one step.

    Attributes:
        masks: names of sets of tokens that must not be chosen. The runner was built with these sets.
        biases: pairs of token id and a number that is added to its logit.
    """

    masks: tuple[str, ...] = ()
    biases: tuple[tuple[int, float], ...] = ()


UNCONSTRAINED = Constraint()

CONTINUATION_MASK = "continuation"
"""The tokens that lengthen the word before them."""

SUPPRESS_CONTINUATION = Constraint(masks=(CONTINUATION_MASK,))
"""The text before is a whole word, and stays one."""
