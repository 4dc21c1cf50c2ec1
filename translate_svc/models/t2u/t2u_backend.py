"""Both halves of text-to-unit, from the host and back to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from translate_svc.errors import InvariantViolation
from translate_svc.models.t2u.t2u import TextToUnit
from translate_svc.models.t2u.t2u_shape import T2uShape


@dataclass(frozen=True, slots=True, eq=False)
class CharacterStates:
    """What the first half leaves on the device for the second: ``[B, C, hidden]``.

    ``generation``: which call of ``characters`` made it, counted by its maker. The next call may write over
    the memory, so only the states of the latest one are taken.
    """

    tensor: Tensor
    generation: int


class T2uBackend(Protocol):
    """The one wait of each half is for its result."""

    def room(self, rows: int, shape: T2uShape) -> T2uShape:
        """The shape that so many texts of up to ``shape`` are to have."""

    def characters(self, rows: Tensor, shape: T2uShape) -> tuple[Tensor, CharacterStates]:
        """Of texts (see ``T2uShape.row``, on the host): ``CharacterBatch.packed`` on the host, and the
        characters' states on the device, which hold until the next call.
        """

    def units(self, states: CharacterStates, durations: Tensor, size: int) -> Tensor:
        """``UnitBatch.packed`` on the host, of the states just made and the durations that they shall have
        (``[B, C]`` int64 on the host, each row 1 to ``size`` together).

        Raises:
            InvariantViolation: the states are of an earlier call of ``characters``.
        """


class EagerT2u:
    """Each at its own shape.

    Args:
        text_to_unit: loaded.
        states: the text decoder's, ``[slots, places, hidden]``, on the same device.
    """

    def __init__(self, text_to_unit: TextToUnit, states: Tensor) -> None:
        self._text_to_unit = text_to_unit
        self._states = states
        self._generation = 0

    def room(self, _rows: int, shape: T2uShape) -> T2uShape:
        """No more than there must be."""
        return shape

    def characters(self, rows: Tensor, shape: T2uShape) -> tuple[Tensor, CharacterStates]:
        """See ``T2uBackend``."""
        padded = len(rows) > 1  # alone, a text is as long as its batch
        batch = shape.batch(rows.to(self._states.device, non_blocking=True), self._states, padded=padded)
        made = self._text_to_unit.characters(batch)
        return made.packed().cpu(), self.latest(made.states)

    def units(self, states: CharacterStates, durations: Tensor, size: int) -> Tensor:
        """See ``T2uBackend``."""
        self.check_latest(states)
        padded = bool((durations.sum(dim=1) < size).any())
        there = durations.to(states.tensor.device, non_blocking=True)
        return self._text_to_unit.units(states.tensor, there, size, padded=padded).packed().cpu()

    def latest(self, tensor: Tensor) -> CharacterStates:
        """The states of a new call of ``characters``; those of all calls before are stale from now on."""
        self._generation += 1
        return CharacterStates(tensor, self._generation)

    def check_latest(self, states: CharacterStates) -> None:
        """Raises InvariantViolation where the states are stale."""
        if states.generation != self._generation:
            raise InvariantViolation("text-to-unit is given the states of an earlier batch")


def silent(rows: int, characters: int) -> Tensor:
    """Durations of rows that nobody hears, ``[rows, characters]``: one unit."""
    durations = torch.zeros(rows, characters, dtype=torch.int64)
    durations[:, 0] = 1
    return durations
