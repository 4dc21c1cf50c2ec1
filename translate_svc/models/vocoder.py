"""Vocoder: unit HiFi-GAN, from units, a language and a speaker to a 16 kHz waveform, in pieces.

Numerically ``SeamlessM4Tv2CodeHifiGan`` with every unit lasting one frame. Its own duration predictor belongs
to UnitY 1 and is never used: UnitY2's units carry their durations already (Meta runs it with
``dur_prediction=False``, transformers always applies it).
"""

# mypy: disable-error-code="no-any-return"
# (calling an nn.Module gives Any)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate_svc.models.config import ModelConfig
from translate_svc.models.convolution import Convolution, Upsampling
from translate_svc.models.layers import Embedding
from translate_svc.types import SAMPLES_PER_UNIT

_PRE_KERNEL = 7
_POST_KERNEL = 7
_LAST_SLOPE = 0.01
"""Slope before the last convolution; transformers leaves it at ``leaky_relu``'s default."""


class UnitSpan(NamedTuple):
    """Half-open range of units."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What must be computed for a piece of a longer waveform, as if the whole were.

    Attributes:
        units: what the piece hears; its ends are the ends of the text or lie a receptive field away.
        kept: by upsampling, the places of its output (counted from that of the first unit or place kept
            before it) that the piece still hears: the field shrinks on the way up, where it costs most.
        samples: the piece, in what is left in the end.
    """

    units: UnitSpan
    kept: tuple[slice, ...]
    samples: slice


def excerpt(start: int, end: int, total: int, config: ModelConfig) -> Excerpt:
    """The receptive field of the samples of units ``[start, end)`` out of ``total``, walked backwards.

    At a cut inside, what the missing neighbours would have changed lies outside of what is kept.
    """
    low, high = start * SAMPLES_PER_UNIT, end * SAMPLES_PER_UNIT - 1
    low, high = low - _POST_KERNEL // 2, high + _POST_KERNEL // 2
    reach = max(
        (
            (kernel - 1) // 2 * sum(dilation + 1 for dilation in dilations)
            for kernel, dilations in zip(
                config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True
            )
        ),
        default=0,
    )
    heard: list[tuple[int, int]] = []
    stages = list(zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True))
    for rate, kernel in reversed(stages):
        low, high = low - reach, high + reach
        heard.append((low, high + 1))
        padding = (kernel - rate) // 2
        # output o of a transposed convolution hears inputs i with 0 <= o + padding - i * rate < kernel
        low, high = -(-(low + padding - kernel + 1) // rate), (high + padding) // rate
    low, high = low - _PRE_KERNEL // 2, high + _PRE_KERNEL // 2
    units = UnitSpan(max(low, 0), min(high + 1, total))
    first, places, kept = units.start, total, []
    for (rate, _), (low, high) in zip(stages, reversed(heard), strict=True):
        first, places = first * rate, places * rate
        low, high = max(low, 0), min(high, places)
        kept.append(slice(low - first, high - first))
        first = low
    return Excerpt(
        units, tuple(kept), slice(start * SAMPLES_PER_UNIT - first, end * SAMPLES_PER_UNIT - first)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Voice:
    """Ids of the vocoder's embedding tables."""

    language_id: int
    speaker_id: int


class ResidualBlock(nn.Module):
    """Dilated convolutions with skips (``HifiGanResidualBlock``)."""

    def __init__(self, channels: int, kernel: int, dilations: Sequence[int], slope: float) -> None:
        super().__init__()
        self.slope = slope
        self.convs1 = nn.ModuleList(Convolution(channels, channels, kernel, each) for each in dilations)
        self.convs2 = nn.ModuleList(Convolution(channels, channels, kernel) for _ in dilations)

    def forward(self, states: Tensor, activated: Tensor) -> Tensor:
        """``activated``: the leaky ReLU of ``states``, which all blocks of a stage share."""
        for place, (conv1, conv2) in enumerate(zip(self.convs1, self.convs2, strict=True)):
            mixed = conv1(activated if place == 0 else F.leaky_relu(states, self.slope))
            states = conv2(F.leaky_relu_(mixed, self.slope)).add_(states)
        return states


class HifiGan(nn.Module):
    """HiFi-GAN generator (Kong et al. 2020)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.slope = config.leaky_relu_slope
        channels = config.upsample_initial_channel
        width = config.unit_embed_dim + config.lang_embed_dim + config.spkr_embed_dim
        self.conv_pre = Convolution(width, channels, _PRE_KERNEL)
        self.upsampler = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        for rate, kernel in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
            self.upsampler.append(Upsampling(channels, channels // 2, kernel, rate))
            channels //= 2
            for size, dilations in zip(
                config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True
            ):
                self.resblocks.append(ResidualBlock(channels, size, dilations, self.slope))
        self.conv_post = Convolution(channels, 1, _POST_KERNEL)
        self.blocks_per_stage = len(config.resblock_kernel_sizes)

    def prepare(self) -> None:
        """A stage's blocks are summed; that their mean is wanted goes into the weights that read it, since a
        leaky ReLU keeps positive factors.
        """
        for reader in [*self.upsampler[1:], self.conv_post]:
            assert isinstance(reader, nn.ConvTranspose1d | nn.Conv1d)
            reader.weight.div_(self.blocks_per_stage)

    def forward(self, states: Tensor, part: Excerpt) -> Tensor:
        """``[B, U, width]`` of the excerpt's units -> ``[B, samples]``."""
        # [B, U, width] is channels-last [B, width, 1, U] already
        states = self.conv_pre(states.transpose(1, 2)[:, :, None])
        for stage, upsampler in enumerate(self.upsampler):
            states = upsampler(F.leaky_relu_(states, self.slope))[..., part.kept[stage]]
            first = stage * self.blocks_per_stage
            blocks = self.resblocks[first : first + self.blocks_per_stage]
            activated = F.leaky_relu(states, self.slope)
            mixed = blocks[0](states, activated)
            for block in blocks[1:]:
                mixed.add_(block(states, activated))
            states = mixed
        samples = torch.tanh(self.conv_post(F.leaky_relu_(states, _LAST_SLOPE))).flatten(1)
        return samples[:, part.samples]


class Vocoder(nn.Module):
    """Units to samples. Parameter prefix ``vocoder.``."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.unit_embedding = Embedding(config.unit_hifi_gan_vocab_size, config.unit_embed_dim)
        self.speaker_embedding = Embedding(config.vocoder_num_spkrs, config.spkr_embed_dim)
        self.language_embedding = Embedding(config.vocoder_num_langs, config.lang_embed_dim)
        self.hifi_gan = HifiGan(config)

    def forward(self, units: Tensor, voices: Sequence[Voice], part: Excerpt | None = None) -> Tensor:
        """Synthesises texts, or pieces of texts, of equal length; nothing is padded, so nothing leaks.

        Args:
            units: ``[B, U]`` int64, each below ``unit_hifi_gan_vocab_size``.
            voices: one a row.
            part: the excerpt that ``units`` are, the same for all rows; by default the whole text.

        Returns:
            ``[B, samples]`` within (-1, 1), 320 a unit of the piece.
        """
        size = units.shape[1]
        part = excerpt(0, size, size, self.config) if part is None else part
        device = units.device
        languages = torch.tensor([voice.language_id for voice in voices], device=device)
        speakers = torch.tensor([voice.speaker_id for voice in voices], device=device)
        parts = [
            self.language_embedding(languages)[:, None].expand(-1, units.shape[1], -1),
            self.unit_embedding(units),
            self.speaker_embedding(speakers)[:, None].expand(-1, units.shape[1], -1),
        ]
        return self.hifi_gan(torch.cat(parts, dim=2), part)
