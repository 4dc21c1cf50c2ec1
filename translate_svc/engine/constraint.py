"""Constraints on the choice of a token. Plain data: a plan names it, the runner applies it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Constraint:
    """Of one sequence and one step.

    Attributes:
        masks: names of sets of tokens that must not be chosen. The runner was built with these sets.
        biases: pairs of token id and a number that is added to its logit.
        ranges: tokens that must not be chosen, from the first of each pair to before the second; None: to the
            end of the vocabulary.
        group_from: the tokens from this one on are a group. If all of it is more probable than any single
            token before it, no token before it may be chosen. None: no group.
    """

    masks: tuple[str, ...] = ()
    biases: tuple[tuple[int, float], ...] = ()
    ranges: tuple[tuple[int, int | None], ...] = ()
    group_from: int | None = None


UNCONSTRAINED = Constraint()

CONTINUATION_MASK = "continuation"
"""The tokens that lengthen the word before them."""

LANGUAGE_MASK = "language"
"""All tokens but those of ``LanguageTokens.codes``."""

FIRST_MASK = "first"
"""The tokens that no text begins with (``TextRules.suppressed_first``)."""
