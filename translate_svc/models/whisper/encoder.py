"""Whisper's encoder: two convolutions over mel frames, positions, and a stack of transformer layers."""

# mypy: disable-error-code="no-any-return"
# (calling an nn.Module gives Any)

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from translate_svc.models.layers.transformer import TransformerEncoder
from translate_svc.models.linear.embedding import Embedding
from translate_svc.models.linear.packed_linear import PackedLinear
from translate_svc.models.slices import Slices
from translate_svc.models.whisper.config import FRAMES_A_STATE, WhisperConfig

_KERNEL = 3


class WhisperEncoder(TransformerEncoder):
    """``WhisperEncoder`` of transformers. Parameter prefix ``model.encoder.``.

    It has no mask: it learned from windows of one length, whose end is silence.
    """

    def __init__(self, config: WhisperConfig) -> None:
        size = config.d_model
        super().__init__(
            config.encoder_layers,
            size,
            config.encoder_attention_heads,
            config.encoder_ffn_dim,
            config.activation_function,
            biased_keys=False,
        )
        self.conv1 = nn.Conv1d(config.num_mel_bins, size, _KERNEL)
        self.conv2 = nn.Conv1d(size, size, _KERNEL)
        self.embed_positions = Embedding(config.max_source_positions, size)

    def prepare(self) -> None:
        """Makes products of the convolutions, with their activation (GELU, whatever that of the layers
        is)."""
        self.first = PackedLinear(self.conv1, activation="gelu")
        self.second = PackedLinear(self.conv2, activation="gelu")

    def slices(self, features: Tensor) -> Slices[Tensor]:
        """``[B, frames, mel_bins]`` -> ``[B, frames / 2, hidden]``. A slice is a layer, or both
        convolutions."""
        states = self.second(_windows(self.first(_windows(features, 1)), FRAMES_A_STATE))
        states = states + self.embed_positions.weight[: states.shape[1]]
        for layer in self.layers:
            yield
            states = layer(states, None)
        return self.layer_norm(states)


def _windows(states: Tensor, stride: int) -> Tensor:
    """``[B, T, C]`` -> ``[B, T / stride, kernel * C]``, tap after tap: what a convolution multiplies."""
    cut = F.pad(states, (0, 0, 1, 1)).unfold(1, _KERNEL, stride)
    return cut.transpose(2, 3).flatten(2)
