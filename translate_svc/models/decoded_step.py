"""One pass of a decoder: logits, the tokens chosen from them, and the transfer to the host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from translate_svc.models.graphs.host_copy import HostCopy

NO_FRAME = -1
"""The frame of a token for which no frame stands out. Such a token usually follows from the text so far."""


class StepFields(NamedTuple):
    """Which optional fields of a ``StepLogits`` to compute."""

    source_frames: bool = False
    attention: bool = False


NO_OPTIONAL_FIELDS = StepFields()
ALL_OPTIONAL_FIELDS = StepFields(source_frames=True, attention=True)


@dataclass(frozen=True, slots=True, eq=False)
class StepLogits:
    """What a model computes in one pass over rows of ``T`` tokens, on its device. A run shorter than ``T``
    has its padding in front.

    Attributes:
        logits: ``[N, vocabulary]`` float32, of the token after the last one of each row: ``N`` is ``B``. A
            run with speculative tokens has one row more for each of them: see ``Runs.logit_positions``. The
            sampler may change them in place.
        finite: ``[N]``, whether the states that the logits were computed from are finite.
        source_frames: ``[B, T]``, the encoder frame that contributes most in the alignment layer
            (``NO_FRAME``: none stands out). None if it was not requested, or if the model has none.
        attention: ``[B, T, frames]`` float32, weights over the source, mean over the alignment heads. Zero
            after the end of a row's source. None if it was not requested, or if the model has none.
    """

    logits: Tensor
    finite: Tensor
    source_frames: Tensor | None = None
    attention: Tensor | None = None


class Choice(NamedTuple):
    """The token chosen of each row of logits, and its natural log-probability, each ``[N]``."""

    token_ids: Tensor
    log_probabilities: Tensor


Choose: TypeAlias = Callable[[Tensor], Choice]
"""Chooses of ``[N, vocabulary]`` logits, of which row ``i`` is slot ``i``. A model calls it at the end of
each step that it captures, so it must not wait for the device.
"""


@dataclass(frozen=True, slots=True, eq=False)
class DecodedStep:
    """A pass whose tokens are chosen. The shapes are those of ``StepLogits``.

    Attributes:
        token_ids: ``[N]``, the chosen tokens.
        log_probabilities: ``[N]``, natural.
        finite: ``[N]``, whether the row is finite: its states and its logits.
        source_frames: as in ``StepLogits``.
        attention: as in ``StepLogits``.
    """

    token_ids: Tensor
    log_probabilities: Tensor
    finite: Tensor
    source_frames: Tensor | None = None
    attention: Tensor | None = None

    @classmethod
    def of(cls, made: StepLogits, choice: Choice) -> DecodedStep:
        """The pass with the chosen tokens. A log-probability is not finite if any logit of its row is NaN."""
        finite = torch.isfinite(choice.log_probabilities) & made.finite
        return cls(*choice, finite, made.source_frames, made.attention)

    def packed(self) -> Tensor:
        """All fields as ``[B, numbers]`` float64, so that one copy to the host replaces five.

        float64 holds each number exactly.
        """
        parts = [part[:, None] for part in (self.token_ids, self.log_probabilities, self.finite)]
        optional = [part for part in (self.source_frames, self.attention) if part is not None]
        return torch.cat([part.flatten(1).double() for part in (*parts, *optional)], dim=1)

    @classmethod
    def unpacked(cls, packed: Tensor, *, aligned_tokens: int) -> DecodedStep:
        """The step that ``packed`` was made from. ``source_frames`` has ``aligned_tokens`` columns."""
        fixed, rest = packed[:, :3], packed[:, 3:]
        frames, attention = rest.tensor_split((aligned_tokens,), dim=1)
        return cls(
            fixed[:, 0].long(),
            fixed[:, 1],
            fixed[:, 2].bool(),
            frames.long() if aligned_tokens else None,
            attention.float().reshape(len(packed), aligned_tokens, -1) if aligned_tokens else None,
        )

    def to_host(self) -> Callable[[], DecodedStep]:
        """Begins to copy the step to host memory. Returns what waits for the copy and gives it."""
        if self.token_ids.device.type == "cpu":
            return lambda: self
        parts = [self.token_ids, self.log_probabilities, self.finite, self.source_frames, self.attention]
        copy = HostCopy(torch.cat([part.flatten().double() for part in parts if part is not None]))
        return lambda: self._copied(copy.wait(), parts)

    @staticmethod
    def _copied(flat: Tensor, parts: Sequence[Tensor | None]) -> DecodedStep:
        """The step of ``flat``, which has all of ``parts`` one after another."""
        copied = iter(torch.split(flat, [part.numel() for part in parts if part is not None]))
        made = [None if part is None else next(copied).reshape(part.shape).to(part.dtype) for part in parts]
        token_ids, log_probabilities, finite, source_frames, attention = made
        assert token_ids is not None
        assert log_probabilities is not None
        assert finite is not None
        return DecodedStep(token_ids, log_probabilities, finite, source_frames, attention)


class LaunchedStep:
    """A captured pass that was given to the device. All rows have all fields.

    Args:
        copy: of what ``DecodedStep.packed`` made, with more rows than those that were asked for.
        rows: where those are.
    """

    def __init__(self, copy: HostCopy, rows: NDArray[np.int64]) -> None:
        self._copy, self._rows = copy, rows

    def result(self, places: Sequence[int] | None = None, *, attention: bool = True) -> DecodedStep:
        """The step on the host; of the rows at ``places`` among those asked for, by default of all.

        Waits for this step, and not for later ones. Without ``attention`` it is quicker.
        """
        rows = self._rows if places is None else self._rows[places]
        packed = self._copy.wait().numpy()
        if attention:
            return DecodedStep.unpacked(torch.from_numpy(packed[rows]), aligned_tokens=1)
        token_ids, log_probabilities, finite, frames = torch.from_numpy(packed[rows, :4].T)
        return DecodedStep(token_ids.long(), log_probabilities, finite.bool(), frames[:, None].long())
