"""What one pass of the text decoder gives, and its way to the host."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class DecodedStep:
    """What one pass gives, in rows of ``T`` tokens; a run shorter than ``T`` has its padding in front.

    Attributes:
        token_ids: ``[B]``, the most probable token after the last one of each row.
        log_probabilities: ``[B]``, its natural log-probability.
        finite: ``[B]``, whether the row is finite.
        source_frames: ``[B, T]``, the encoder frame that the alignment layer draws most from (``NO_FRAME``:
            none stands out), when asked.
        attention: ``[B, T, frames]`` float32, weights over the source, mean over the alignment heads, when
            asked. Zero behind the end of a row's source.
    """

    token_ids: Tensor
    log_probabilities: Tensor
    finite: Tensor
    source_frames: Tensor | None = None
    attention: Tensor | None = None

    def packed(self) -> Tensor:
        """``[B, numbers]`` float64, which holds each of them exactly: one way to the host instead of five."""
        parts = [part[:, None] for part in (self.token_ids, self.log_probabilities, self.finite)]
        optional = [part for part in (self.source_frames, self.attention) if part is not None]
        return torch.cat([part.flatten(1).double() for part in (*parts, *optional)], dim=1)

    @classmethod
    def unpacked(cls, packed: Tensor, *, aligned_tokens: int) -> DecodedStep:
        """What ``packed`` was made of, with so many columns of ``source_frames``."""
        fixed, rest = packed[:, :3], packed[:, 3:]
        frames, attention = rest.tensor_split((aligned_tokens,), dim=1)
        return cls(
            fixed[:, 0].long(),
            fixed[:, 1],
            fixed[:, 2].bool(),
            frames.long() if aligned_tokens else None,
            attention.float().reshape(len(packed), aligned_tokens, -1) if aligned_tokens else None,
        )

    def on_host(self) -> DecodedStep:
        """The same in host memory; waits for the device once."""
        if self.token_ids.device.type == "cpu":
            return self
        return DecodedStep.unpacked(
            self.packed().cpu(),
            aligned_tokens=0 if self.source_frames is None else self.source_frames.shape[1],
        )
