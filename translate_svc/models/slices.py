"""Long computations in slices: generators that yield between their parts and return their result."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

Result = TypeVar("Result")

Slices: TypeAlias = Generator[None, None, Result]
"""Each ``next`` computes a part; what is returned is the whole. What else happens between is the caller's."""


def finish(slices: Slices[Result]) -> Result:
    """Computes what is left, in one go."""
    while True:
        try:
            next(slices)
        except StopIteration as done:
            result: Result = done.value
            return result
