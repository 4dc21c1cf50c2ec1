"""Speech encoder: w2v-BERT 2.0 (24 conformer layers in the published model) and its length adapter.

Computes the same numbers as ``SeamlessM4Tv2SpeechEncoder`` on a single utterance. A ragged batch gives these
numbers too; in the reference, padding leaks through the adapter's convolutions there.
"""

# mypy: disable-error-code="no-any-return"
# (calling an nn.Module gives Any)

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar, cast

import torch.nn.functional as F
from torch import Tensor, nn

from translate_svc.models.layers.transformer import (
    EncodedSource,
    PlainLinear,
    key_bias,
    length_mask,
    to_device,
)
from translate_svc.models.linear.packed_linear import PackedLinear
from translate_svc.models.seamless.config import ModelConfig
from translate_svc.models.seamless.encoder.conformer import (
    ConformerEncoder,
    ConformerFeedForward,
    ConformerSelfAttention,
    frame_by_frame,
)
from translate_svc.models.slices import Slices, finish

Length = TypeVar("Length", int, Tensor)


def pooled_length(frames: Length, config: ModelConfig) -> Length:
    """Number of frames that one adapter layer makes of ``frames`` frames."""
    padding = config.adaptor_stride // 2
    return (frames + 2 * padding - config.adaptor_kernel_size) // config.adaptor_stride + 1


def encoder_frames(frames: int, config: ModelConfig) -> int:
    """Number of frames of encoder output for ``frames`` frames of speech of 20 ms each."""
    for _ in range(config.num_adapter_layers):
        frames = pooled_length(frames, config)
    return frames


def frame_centre_ms(frame: int, config: ModelConfig) -> int:
    """Position in the source of the middle of an encoder frame.

    The adapter pads half a stride on the left, so frame 0 is centred on the start of the source.
    """
    return frame * config.encoder_frame_ms


class AdapterLayer(nn.Module):
    """Strided convolutions, attention and feed-forward (``SeamlessM4Tv2ConformerAdapterLayer``). Makes one
    frame of eight.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size, kernel, stride = config.hidden_size, config.adaptor_kernel_size, config.adaptor_stride
        self.stride = stride
        self.residual_layer_norm = nn.LayerNorm(size)
        self.residual_conv = nn.Conv1d(size, 2 * size, kernel, stride=stride, padding=stride // 2)
        self.self_attn_layer_norm = nn.LayerNorm(size)
        self.self_attn_conv = nn.Conv1d(size, 2 * size, kernel, stride=stride, padding=stride // 2)
        self.self_attn = ConformerSelfAttention(config, relative=False)
        self.ffn_layer_norm = nn.LayerNorm(size)
        self.ffn = ConformerFeedForward(config, "relu", scale=1.0)

    def prepare(self) -> None:
        """Turns each strided convolution into one product: windows of frames times all of its taps."""
        self.pool_residual = PackedLinear(self.residual_conv)
        self.pool = PackedLinear(self.self_attn_conv)

    def slices(self, states: Tensor, padding: Tensor | None, bias: Tensor | None) -> Slices[Tensor]:
        """``padding`` (``[B, T, 1]``) is True at places that the utterance would not have on its own. They
        must read as zero. None: all rows are full. ``bias`` is added to the scores of the pooled frames.
        """
        residual = F.glu(self.pool_residual(self._windows(self.residual_layer_norm(states), padding)), dim=2)
        yield
        pooled = F.glu(self.pool(self._windows(self.self_attn_layer_norm(states), padding)), dim=2)
        yield
        pooled = (yield from self.self_attn.slices(pooled, bias)) + residual
        return self.ffn(self.ffn_layer_norm(pooled)) + pooled

    def _windows(self, states: Tensor, padding: Tensor | None) -> Tensor:
        """The input window of each output frame, ``[B, T', kernel * hidden]``, tap after tap."""
        if padding is not None:
            states = states.masked_fill(padding, 0.0)
        kernel = self.residual_conv.kernel_size[0]
        padded = F.pad(states, (0, 0, self.stride // 2, self.stride // 2))
        return padded.unfold(1, kernel, self.stride).transpose(2, 3).flatten(2)


class Adapter(nn.Module):
    """One or more adapter layers."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(AdapterLayer(config) for _ in range(config.num_adapter_layers))


class FeatureProjection(nn.Module):
    """Projects stacked log-mel frames to the model's width."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.feature_projection_input_dim
        self.layer_norm = nn.LayerNorm(size, eps=config.layer_norm_eps)
        self.projection = PlainLinear(size, config.hidden_size)

    def forward(self, features: Tensor) -> Tensor:
        """``[B, T, feature_projection_input_dim]`` -> ``[B, T, hidden]``."""
        return self.projection(self.layer_norm(features))


class SpeechEncoder(nn.Module):
    """Turns features of utterances into states for the text decoder. Parameter prefix ``speech_encoder.``."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.feature_projection = FeatureProjection(config)
        self.encoder = ConformerEncoder(config)
        self.intermediate_ffn = ConformerFeedForward(config, "relu")
        self.adapter = Adapter(config)
        self.inner_layer_norm = nn.LayerNorm(config.hidden_size)

    def forward(self, features: Tensor, lengths: Sequence[int], present: Sequence[int]) -> EncodedSource:
        """Runs ``slices`` to its end and returns the result."""
        return finish(self.slices(features, lengths, present))

    def slices(
        self, features: Tensor, lengths: Sequence[int], present: Sequence[int]
    ) -> Slices[EncodedSource]:
        """Encodes a ragged batch; a row's result does not depend on the others.

        Args:
            features: ``[B, T, 160]``, right-padded with finite values.
            lengths: by row, the number of frames made of two mel frames each; attention uses these. At least
                1.
            present: by row, ``lengths``, plus one if an odd mel frame is left over. That half frame is masked
                for attention, but the adapter's convolutions read its place, as they do for a single
                utterance. Its features do not matter.
        """
        counted, there = to_device([lengths, present], features.device)
        padded = min(lengths) < features.shape[1]
        states = yield from self.of_rows(features, counted, there, padded=padded)
        return EncodedSource(states, [encoder_frames(length, self.config) for length in lengths])

    def of_rows(
        self, features: Tensor, counted: Tensor, there: Tensor, *, padded: bool = True
    ) -> Slices[Tensor]:
        """As ``slices``, with the counts on the device (``[B]`` int64). Returns all states, also padding.

        The shapes depend on that of ``features`` alone, so a graph can capture it. ``padded``: whether a row
        has padding.
        """
        size = features.shape[1]
        valid = length_mask(counted, size) if padded else None
        states = self.feature_projection(features)
        yield
        states = yield from self.encoder.slices(states, valid)
        states = yield from frame_by_frame(lambda frames: frames + self.intermediate_ffn(frames), states)
        yield
        for layer in cast("Iterable[AdapterLayer]", self.adapter.layers):
            padding = bias = None
            if padded:
                padding = ~length_mask(there, states.shape[1])[:, :, None]
            counted, there = pooled_length(counted, self.config), pooled_length(there, self.config)
            if padded:
                size = pooled_length(states.shape[1], self.config)
                bias = key_bias(length_mask(counted, size), states.dtype)[:, None, None, :]
            states = yield from layer.slices(states, padding, bias)
            yield
        return self.inner_layer_norm(states)
