"""Runs the valid items of a batch. Each of the others is answered by its error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from translate_svc.errors import EngineError

_Item = TypeVar("_Item")
_Outcome = TypeVar("_Outcome")


def run_valid(
    items: Sequence[_Item],
    problem: Callable[[_Item], str | None],
    run: Callable[[Sequence[_Item]], Sequence[_Outcome]],
) -> list[_Outcome | EngineError]:
    """One outcome for each item, in order. ``problem``: what is wrong with an item, or None."""
    problems = [problem(item) for item in items]
    valid = [item for item, found in zip(items, problems, strict=True) if found is None]
    outcomes = iter(run(valid) if valid else ())
    return [next(outcomes) if found is None else EngineError(found) for found in problems]


def shared_slots(slots: Iterable[int]) -> set[int]:
    """Those that occur more than once."""
    return {slot for slot, count in Counter(slots).items() if count > 1}
