"""What is kept of the encoder's states of each slot to tell which language is spoken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


def pool(states: Tensor) -> Tensor:
    """Mean and standard deviation over time: ``[length, hidden]`` -> ``[2 * hidden]``, in float32."""
    wide = states.float()
    return torch.cat([wide.mean(dim=0), wide.std(dim=0, correction=0)])


class LanguageStates:
    """The pooled states of the speech in each slot. They stay on the device until they are asked for."""

    def __init__(self) -> None:
        self._pooled: dict[int, tuple[Tensor, int]] = {}

    def note(self, states: Tensor, slots: Sequence[int]) -> None:
        """Pools ``states`` (``[length, hidden]``), which ``slots`` attend to from now on."""
        kept = pool(states), len(states)
        for slot in slots:
            self._pooled[slot] = kept

    def of_slot(self, slot: int) -> tuple[NDArray[np.float32], int]:
        """The pooled states of a slot that holds speech, and how many there were. Waits for the device."""
        pooled, states = self._pooled[slot]
        return pooled.cpu().numpy(), states
