"""Long computations in slices: generators that yield between their parts and return their result."""

from __future__ import annotations

from collections.abc import Generator
from typing import Protocol, TypeAlias, TypeVar

Result = TypeVar("Result")

Slices: TypeAlias = Generator[None, None, Result]
"""Each ``next`` computes a part. The generator returns the complete result. Between the parts the caller can
do other work."""


class DeviceEvent(Protocol):
    """A place in the work that a device was given."""

    def query(self) -> bool:
        """Whether the device has done all work before it. Does not wait."""


class Passed:
    """The ``DeviceEvent`` of a CPU, whose work is done when it was given."""

    def query(self) -> bool:
        """Implements ``DeviceEvent.query``."""
        return True


def finish(slices: Slices[Result]) -> Result:
    """Computes all remaining parts and returns the result."""
    while True:
        try:
            next(slices)
        except StopIteration as done:
            result: Result = done.value
            return result
