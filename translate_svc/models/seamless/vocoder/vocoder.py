"""Vocoder: unit HiFi-GAN, from units, a language and a speaker to a 16 kHz waveform, in pieces.

It equals ``SeamlessM4Tv2CodeHifiGan`` numerically, with a duration of one frame for every unit. Its own
duration predictor belongs to UnitY 1 and is never used: UnitY2's units already have their durations (Meta
runs it with ``dur_prediction=False``, transformers always applies it).
"""

# mypy: disable-error-code="no-any-return"
# (calling an nn.Module returns Any)

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate_svc.models.layers.convolution import Convolution, Upsampling
from translate_svc.models.linear.embedding import Embedding
from translate_svc.models.seamless.config import ModelConfig
from translate_svc.models.seamless.vocoder.receptive_field import (
    POST_KERNEL,
    PRE_KERNEL,
    ReceptiveField,
    receptive_field,
)
from translate_svc.models.seamless.vocoder.window import Window

_LAST_SLOPE = 0.01
"""Slope before the last convolution. transformers uses ``leaky_relu``'s default there."""


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

    def forward(self, states: Tensor, activated: Tensor, outside: Tensor | None) -> Tensor:
        """``activated``: the leaky ReLU of ``states``, which all blocks of a stage share."""
        for place, (conv1, conv2) in enumerate(zip(self.convs1, self.convs2, strict=True)):
            mixed = conv1(activated if place == 0 else F.leaky_relu(states, self.slope))
            mixed = _silenced(F.leaky_relu_(mixed, self.slope), outside)
            states = _silenced(conv2(mixed).add_(states), outside)
        return states


def _silenced(states: Tensor, outside: Tensor | None) -> Tensor:
    """Zeroes, in place, positions outside the text: a convolution reads zeros beyond a text's ends too."""
    return states if outside is None else states.masked_fill_(outside, 0.0)


class HifiGan(nn.Module):
    """HiFi-GAN generator (Kong et al. 2020)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.slope = config.leaky_relu_slope
        channels = config.upsample_initial_channel
        width = config.unit_embed_dim + config.lang_embed_dim + config.spkr_embed_dim
        self.conv_pre = Convolution(width, channels, PRE_KERNEL)
        self.upsampler = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        for rate, kernel in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
            self.upsampler.append(Upsampling(channels, channels // 2, kernel, rate))
            channels //= 2
            for size, dilations in zip(
                config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True
            ):
                self.resblocks.append(ResidualBlock(channels, size, dilations, self.slope))
        self.conv_post = Convolution(channels, 1, POST_KERNEL)
        self.blocks_per_stage = len(config.resblock_kernel_sizes)

    def prepare(self) -> None:
        """Folds the mean over a stage's blocks into the weights of the next layer.

        ``forward`` only sums the blocks. The factor can move past the leaky ReLU because it is positive.
        """
        for reader in [*self.upsampler[1:], self.conv_post]:
            assert isinstance(reader, nn.ConvTranspose1d | nn.Conv1d)
            reader.weight.div_(self.blocks_per_stage)

    def forward(
        self, states: Tensor, part: ReceptiveField, outside: Sequence[Tensor | None] | None = None
    ) -> Tensor:
        """``[B, U, width]`` of the excerpt's units -> ``[B, samples]``.

        ``outside``: a mask for each level (the units, then each upsampling's output). Each mask is
        ``[B, 1, 1, positions]``, True where a row has no text. None if all positions are text.
        """
        masks = outside or (None,) * (len(self.upsampler) + 1)
        # [B, U, width] is channels-last [B, width, 1, U] already
        states = _silenced(states.transpose(1, 2)[:, :, None], masks[0])
        states = _silenced(self.conv_pre(states), masks[0])
        for stage, upsampler in enumerate(self.upsampler):
            states = upsampler(F.leaky_relu_(states, self.slope))[..., part.kept[stage]]
            states = _silenced(states, masks[stage + 1])
            first = stage * self.blocks_per_stage
            blocks = self.resblocks[first : first + self.blocks_per_stage]
            activated = F.leaky_relu(states, self.slope)
            mixed = blocks[0](states, activated, masks[stage + 1])
            for block in blocks[1:]:
                mixed.add_(block(states, activated, masks[stage + 1]))
            states = mixed
        samples = torch.tanh(self.conv_post(F.leaky_relu_(states, _LAST_SLOPE))).flatten(1)
        return samples[:, part.samples].float()


class Vocoder(nn.Module):
    """Units to samples. Parameter prefix ``vocoder.``."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.unit_embedding = Embedding(config.unit_hifi_gan_vocab_size, config.unit_embed_dim)
        self.speaker_embedding = Embedding(config.vocoder_num_spkrs, config.spkr_embed_dim)
        self.language_embedding = Embedding(config.vocoder_num_langs, config.lang_embed_dim)
        self.hifi_gan = HifiGan(config)

    def forward(self, units: Tensor, voices: Sequence[Voice], part: ReceptiveField | None = None) -> Tensor:
        """Synthesises texts, or pieces of texts, of equal length. Nothing is padded, so no padding leaks in.

        Args:
            units: ``[B, U]`` int64, each below ``unit_hifi_gan_vocab_size``.
            voices: one per row.
            part: which excerpt ``units`` are, the same for all rows; by default the whole text.

        Returns:
            ``[B, samples]`` within (-1, 1), 320 samples per unit of the piece.
        """
        size = units.shape[1]
        part = receptive_field(0, size, size, self.config) if part is None else part
        device = units.device
        languages = torch.tensor([voice.language_id for voice in voices], device=device)
        speakers = torch.tensor([voice.speaker_id for voice in voices], device=device)
        return self.hifi_gan(self._embedded(units, languages, speakers), part)

    def windowed(self, rows: Tensor, window: Window) -> Tensor:
        """Synthesises pieces of any texts, each at most ``window.piece_units`` long, as ``forward`` does.

        Args:
            rows: ``[B, window.row_size]`` int64, see ``Window.row``; on this module's device.
            window: the same for all rows.

        Returns:
            ``[B, samples]`` of ``window.piece_units``. The samples after a shorter piece have no meaning.
        """
        first, total, languages, speakers = rows[:, :4].unbind(1)
        embedded = self._embedded(rows[:, 4:], languages, speakers)
        return self.hifi_gan(embedded, window.part, window.outside(first, total))

    def _embedded(self, units: Tensor, languages: Tensor, speakers: Tensor) -> Tensor:
        parts = [
            self.language_embedding(languages)[:, None].expand(-1, units.shape[1], -1),
            self.unit_embedding(units),
            self.speaker_embedding(speakers)[:, None].expand(-1, units.shape[1], -1),
        ]
        return torch.cat(parts, dim=2)
