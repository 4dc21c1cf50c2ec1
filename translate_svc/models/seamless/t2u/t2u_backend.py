"""Both halves of text-to-unit, with inputs and results on the host."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from translate_svc.errors import InvariantViolation
from translate_svc.models.seamless.t2u.t2u import TextToUnit
from translate_svc.models.seamless.t2u.t2u_shape import T2uShape
from translate_svc.models.staging import to_device, to_host


@dataclass(frozen=True, slots=True, eq=False)
class CharacterStates:
    """The states that the first half leaves on the device for the second: ``[B, C, hidden]``.

    ``generation``: the number of the ``characters`` call that made them, counted by the backend. The next
    call can overwrite the memory, so ``units`` accepts only the states of the latest call.
    """

    tensor: Tensor
    generation: int


class T2uBackend(Protocol):
    """Runs the two halves. Each half waits for the device once, for its result."""

    def room(self, rows: int, shape: T2uShape) -> T2uShape:
        """The shape that a batch of ``rows`` texts of up to ``shape`` must have."""

    def characters(self, rows: Tensor, shape: T2uShape) -> tuple[Tensor, CharacterStates]:
        """The first half, for texts on the host (``T2uShape.row``).

        Returns ``CharacterBatch.packed`` on the host, and the characters' states on the device. The states
        are valid until the next call.
        """

    def units(self, states: CharacterStates, durations: Tensor, size: int) -> Tensor:
        """The second half: ``UnitBatch.packed`` on the host.

        Args:
            states: from the latest call of ``characters``.
            durations: ``[B, C]`` int64 on the host. The sum of each row is 1 to ``size``.
            size: the most units of a row.

        Raises:
            InvariantViolation: the states are from an earlier call of ``characters``.
        """


class EagerT2u:
    """A ``T2uBackend`` without CUDA graphs: each batch has exactly its own shape.

    Args:
        text_to_unit: the loaded model.
        states: the text decoder's states, ``[slots, columns, hidden]``, on the same device.
    """

    def __init__(self, text_to_unit: TextToUnit, states: Tensor) -> None:
        self._text_to_unit = text_to_unit
        self._states = states
        self._generation = 0

    def room(self, _rows: int, shape: T2uShape) -> T2uShape:
        """Returns ``shape`` unchanged: no extra room is needed."""
        return shape

    def characters(self, rows: Tensor, shape: T2uShape) -> tuple[Tensor, CharacterStates]:
        """The first half, run eagerly."""
        padded = len(rows) > 1  # a single text fills its batch
        batch = shape.batch(to_device(rows, self._states.device), self._states, padded=padded)
        made = self._text_to_unit.characters(batch)
        return to_host(made.packed()), self.latest(made.states)

    def units(self, states: CharacterStates, durations: Tensor, size: int) -> Tensor:
        """The second half, run eagerly."""
        self.check_latest(states)
        padded = bool((durations.sum(dim=1) < size).any())
        there = to_device(durations, states.tensor.device)
        return to_host(self._text_to_unit.units(states.tensor, there, size, padded=padded).packed())

    def latest(self, tensor: Tensor) -> CharacterStates:
        """Marks ``tensor`` as the latest states. The states of all earlier calls are stale from now on."""
        self._generation += 1
        return CharacterStates(tensor, self._generation)

    def check_latest(self, states: CharacterStates) -> None:
        """Raises InvariantViolation if the states are stale."""
        if states.generation != self._generation:
            raise InvariantViolation("text-to-unit is given the states of an earlier batch")


def silent(rows: int, characters: int) -> Tensor:
    """Durations for rows whose result is not used, ``[rows, characters]``: one unit per row."""
    durations = torch.zeros(rows, characters, dtype=torch.int64)
    durations[:, 0] = 1
    return durations
