"""The differentiable forward pass of stage 2, over the modules of transformers' HiFi-GAN.

The same numbers with one-dimensional convolutions computed as two-dimensional ones of height 1 on
channels-last tensors: oneDNN then reorders no activations, and a training step takes two thirds of the time.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F
from transformers.models.seamless_m4t_v2.modeling_seamless_m4t_v2 import (
    HifiGanResidualBlock,
    SeamlessM4Tv2CodeHifiGan,
    SeamlessM4Tv2HifiGan,
)


def synthesise(vocoder: SeamlessM4Tv2CodeHifiGan, units: Tensor, voices: Tensor) -> Tensor:
    """Units (batch, count), language and speaker ids (batch, 2) -> samples (batch, count * 320)."""
    embedded = [
        vocoder.language_embedding(voices[:, 0])[:, :, None].expand(-1, -1, units.shape[1]),
        vocoder.unit_embedding(units).transpose(1, 2),
        vocoder.speaker_embedding(voices[:, 1])[:, :, None].expand(-1, -1, units.shape[1]),
    ]
    return _generate(vocoder.hifi_gan, torch.cat(embedded, dim=1))


def _generate(generator: SeamlessM4Tv2HifiGan, states: Tensor) -> Tensor:
    states = states[:, :, None].contiguous(memory_format=torch.channels_last)
    states = _convolve(generator.conv_pre, states)
    for stage, upsampler in enumerate(generator.upsampler):
        states = F.leaky_relu(states, generator.leaky_relu_slope)
        states = F.conv_transpose2d(
            states, upsampler.weight[:, :, None], upsampler.bias,
            stride=(1, upsampler.stride[0]), padding=(0, upsampler.padding[0]),
        )  # fmt: skip
        first = stage * generator.num_kernels
        blocks = generator.resblocks[first : first + generator.num_kernels]
        states = sum((_residual(block, states) for block in blocks[1:]), _residual(blocks[0], states))
        states = states / generator.num_kernels
    return torch.tanh(_convolve(generator.conv_post, F.leaky_relu(states))).flatten(1)


def _residual(block: HifiGanResidualBlock, states: Tensor) -> Tensor:
    for first, second in zip(block.convs1, block.convs2, strict=True):
        mixed = _convolve(first, F.leaky_relu(states, block.leaky_relu_slope))
        states = states + _convolve(second, F.leaky_relu(mixed, block.leaky_relu_slope))
    return states


def _convolve(layer: torch.nn.Conv1d, states: Tensor) -> Tensor:
    return F.conv2d(
        states, layer.weight[:, :, None], layer.bias,
        padding=(0, int(layer.padding[0])), dilation=(1, layer.dilation[0]),
    )  # fmt: skip
