"""The receptive field of a piece of a waveform in its text, level by level of the vocoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from translate_svc.models.seamless.config import ModelConfig
from translate_svc.types import SAMPLES_PER_UNIT

PRE_KERNEL = 7
POST_KERNEL = 7
"""Widths of HiFi-GAN's first and last convolution. They are not part of any configuration."""


class UnitSpan(NamedTuple):
    """Half-open range of units."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ReceptiveField:
    """What must be computed so that a piece has the same samples as in the whole waveform.

    Attributes:
        units: the units that the piece depends on. Each end is an end of the text, or lies a receptive field
            away from the piece.
        kept: for each upsampling, the positions of its output that the piece still depends on. They count
            from the position of the first unit or position kept before it. The field shrinks on the way up,
            where each position costs most.
        samples: the piece, as a slice of the last output.
    """

    units: UnitSpan
    kept: tuple[slice, ...]
    samples: slice


def receptive_field(start: int, end: int, total: int, config: ModelConfig) -> ReceptiveField:
    """The receptive field of the samples of units ``[start, end)`` out of ``total``, computed backwards.

    Where the field ends inside the text, the missing neighbours change only positions that are not kept.
    """
    low, high = start * SAMPLES_PER_UNIT, end * SAMPLES_PER_UNIT - 1
    low, high = low - POST_KERNEL // 2, high + POST_KERNEL // 2
    reach = max(
        (
            (kernel - 1) // 2 * sum(dilation + 1 for dilation in dilations)
            for kernel, dilations in zip(
                config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True
            )
        ),
        default=0,
    )
    spans: list[tuple[int, int]] = []
    stages = list(zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True))
    for rate, kernel in reversed(stages):
        low, high = low - reach, high + reach
        spans.append((low, high + 1))
        padding = (kernel - rate) // 2
        # output o of a transposed convolution depends on inputs i with 0 <= o + padding - i * rate < kernel
        low, high = -(-(low + padding - kernel + 1) // rate), (high + padding) // rate
    low, high = low - PRE_KERNEL // 2, high + PRE_KERNEL // 2
    units = UnitSpan(max(low, 0), min(high + 1, total))
    first, places, kept = units.start, total, []
    for (rate, _), (low, high) in zip(stages, reversed(spans), strict=True):
        first, places = first * rate, places * rate
        low, high = max(low, 0), min(high, places)
        kept.append(slice(low - first, high - first))
        first = low
    return ReceptiveField(
        units, tuple(kept), slice(start * SAMPLES_PER_UNIT - first, end * SAMPLES_PER_UNIT - first)
    )


def context_units(config: ModelConfig) -> int:
    """How many units on either side of a unit change its samples."""
    far = 1 << 12
    units = receptive_field(far, far + 1, 2 * far, config).units
    return max(far - units.start, units.end - far - 1)
