"""Speech encoder: w2v-BERT 2.0 (24 conformer layers in the published model) and its length adapter.

Numerically ``SeamlessM4Tv2SpeechEncoder`` on a single utterance, and the same in a ragged batch: there the
reference lets padding leak through the adapter's convolutions.
"""

# mypy: disable-error-code="no-any-return"
# (calling an nn.Module gives Any)

from __future__ import annotations

from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate_svc.models.config import ModelConfig
from translate_svc.models.convolution import Convolution
from translate_svc.models.layers import Embedding, EncodedSource, key_bias, length_mask
from translate_svc.models.product import ACTIVATIONS, Product

Length = TypeVar("Length", int, Tensor)


def pooled_length(frames: Length, config: ModelConfig) -> Length:
    """Frames that one adapter layer makes of ``frames``."""
    padding = config.adaptor_stride // 2
    return (frames + 2 * padding - config.adaptor_kernel_size) // config.adaptor_stride + 1


def encoder_frames(frames: int, config: ModelConfig) -> int:
    """Frames of encoder output for ``frames`` 20 ms frames of speech."""
    for _ in range(config.num_adapter_layers):
        frames = pooled_length(frames, config)
    return frames


def frame_centre_ms(frame: int, config: ModelConfig) -> int:
    """Where in the source the middle of an encoder frame lies.

    The adapter pads half a stride on the left, so frame 0 is centred on the very start.
    """
    return frame * config.encoder_frame_ms


class ConformerFeedForward(nn.Module):
    """Two dense layers; half a macaron counts half (``SeamlessM4Tv2ConformerFeedForward``)."""

    def __init__(self, config: ModelConfig, act: str, *, scale: float = 0.5) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(config.hidden_size, config.speech_encoder_intermediate_size)
        self.output_dense = nn.Linear(config.speech_encoder_intermediate_size, config.hidden_size)
        self.act = act
        self.scale = scale

    def prepare(self) -> None:
        """Two products; the scale goes into the second one's weights."""
        self.inner = Product(self.intermediate_dense, activation=self.act)
        self.outer = Product(self.output_dense, scale=self.scale)

    def forward(self, states: Tensor) -> Tensor:
        return self.outer(self.inner(states))


class ConformerSelfAttention(nn.Module):
    """Self-attention, with Shaw et al.'s relative keys in the conformer and without in the adapter."""

    def __init__(self, config: ModelConfig, *, relative: bool) -> None:
        super().__init__()
        size = config.hidden_size
        self.heads = config.speech_encoder_attention_heads
        self.head_dim = size // self.heads
        self.left = config.left_max_position_embeddings
        self.right = config.right_max_position_embeddings
        self.linear_q = nn.Linear(size, size)
        self.linear_k = nn.Linear(size, size)
        self.linear_v = nn.Linear(size, size)
        self.linear_out = nn.Linear(size, size)
        self.distance_embedding = Embedding(self.left + self.right + 1, self.head_dim) if relative else None

    def prepare(self) -> None:
        """One product for queries, keys and values."""
        self.qkv = Product(self.linear_q, self.linear_k, self.linear_v)
        self.out = Product(self.linear_out)

    def forward(self, states: Tensor, bias: Tensor | None) -> Tensor:
        """``[B, T, hidden]`` under a key bias that broadcasts to the scores ``[B, heads, T, T]``."""
        split = self.qkv(states).view(*states.shape[:2], 3, self.heads, self.head_dim)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        if self.distance_embedding is not None:
            relative = self._relative_bias(query, self.distance_embedding.weight)
            bias = relative if bias is None else relative.add_(bias)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def _relative_bias(self, query: Tensor, distances: Tensor) -> Tensor:
        """``query[t] . distances[clip(s - t)] / sqrt(head_dim)``, ``[B, heads, T, T]``.

        Row ``t`` is laid out by distance, from ``1 - T`` to ``T - 1``, and read from ``-t`` on: a view whose
        rows are one element shorter than the memory's.
        """
        batch, heads, size, _ = query.shape
        by_distance = query @ (distances * self.head_dim**-0.5).t()
        nearest, last = max(self.left - (size - 1), 0), min(self.left + size - 1, self.left + self.right)
        before, after = max(size - 1 - self.left, 0), max(size - 1 - self.right, 0)
        laid_out = torch.cat(
            [
                by_distance[..., :1].expand(-1, -1, -1, before),
                by_distance[..., nearest : last + 1],
                by_distance[..., -1:].expand(-1, -1, -1, after),
            ],
            dim=3,
        )
        row = 2 * size - 1
        strides = (heads * size * row, size * row, row - 1, 1)
        return laid_out.as_strided((batch, heads, size, size), strides, size - 1)


class ConformerConvolution(nn.Module):
    """Causal depthwise convolution block (``SeamlessM4Tv2ConformerConvolutionModule``)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.layer_norm = nn.LayerNorm(size)
        self.pointwise_conv1 = nn.Conv1d(size, 2 * size, 1, bias=False)
        self.depthwise_conv = Convolution(
            size, size, config.conv_depthwise_kernel_size, groups=size, bias=False, causal=True
        )
        self.depthwise_layer_norm = nn.LayerNorm(size)
        self.pointwise_conv2 = nn.Conv1d(size, size, 1, bias=False)
        self.act = ACTIVATIONS[config.speech_encoder_hidden_act]

    def prepare(self) -> None:
        """Convolutions of width 1 are products."""
        self.widen = Product(self.pointwise_conv1)
        self.narrow = Product(self.pointwise_conv2)

    def forward(self, states: Tensor, behind: Tensor | None) -> Tensor:
        states = self.layer_norm(states)
        if behind is not None:
            states = states.masked_fill(behind, 0.0)
        states = self.depthwise_conv.over_time(F.glu(self.widen(states), dim=2))
        return self.narrow(self.act(self.depthwise_layer_norm(states)))


class ConformerLayer(nn.Module):
    """Macaron feed-forward, attention, convolution, feed-forward (Gulati et al. 2020)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.ffn1_layer_norm = nn.LayerNorm(size)
        self.ffn1 = ConformerFeedForward(config, config.speech_encoder_hidden_act)
        self.self_attn_layer_norm = nn.LayerNorm(size)
        self.self_attn = ConformerSelfAttention(
            config, relative=config.position_embeddings_type == "relative_key"
        )
        self.conv_module = ConformerConvolution(config)
        self.ffn2_layer_norm = nn.LayerNorm(size)
        self.ffn2 = ConformerFeedForward(config, config.speech_encoder_hidden_act)
        self.final_layer_norm = nn.LayerNorm(size)

    def forward(self, states: Tensor, behind: Tensor | None, bias: Tensor | None) -> Tensor:
        states = states + self.ffn1(self.ffn1_layer_norm(states))
        states = states + self.self_attn(self.self_attn_layer_norm(states), bias)
        states = states + self.conv_module(states, behind)
        states = states + self.ffn2(self.ffn2_layer_norm(states))
        return self.final_layer_norm(states)


class ConformerEncoder(nn.Module):
    """The conformer stack with its closing layer norm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(ConformerLayer(config) for _ in range(config.speech_encoder_layers))
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.chunk = config.speech_encoder_chunk_size
        self.left_chunks = config.speech_encoder_left_chunk_num

    def forward(self, states: Tensor, valid: Tensor | None) -> Tensor:
        """``valid`` (``[B, T]``) is False at padding; None where there is none."""
        behind = mask = None
        if valid is not None:
            behind, mask = ~valid[:, :, None], valid[:, None, None, :]
            states = states.masked_fill(behind, 0.0)
        if self.chunk is not None and self.chunk < states.shape[1]:
            seen = self._chunk_mask(states.shape[1], self.chunk, states.device)
            mask = seen if mask is None else mask & seen
        bias = None if mask is None else key_bias(mask, states.dtype)
        for layer in self.layers:
            states = layer(states, behind, bias)
        return self.layer_norm(states)

    def _chunk_mask(self, size: int, chunk: int, device: torch.device) -> Tensor:
        """A frame sees its own chunk and ``left_chunks`` before it (all, where that is negative)."""
        chunks = torch.arange(size, device=device) // chunk
        behind = chunks[:, None] - chunks[None, :]
        seen = behind >= 0
        return seen if self.left_chunks < 0 else seen & (behind <= self.left_chunks)


class AdapterLayer(nn.Module):
    """Strided convolutions, attention and feed-forward: one frame of eight (``...ConformerAdapterLayer``)."""

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
        """A strided convolution is the product of windows with all of its taps."""
        self.pool_residual = Product(self.residual_conv)
        self.pool = Product(self.self_attn_conv)

    def forward(self, states: Tensor, behind: Tensor | None, bias: Tensor | None) -> Tensor:
        """``behind`` (``[B, T, 1]``): places that no single utterance would have, which must read as zero;
        None where there are none. ``bias``: on the scores of the pooled frames.
        """
        residual = F.glu(self.pool_residual(self._windows(self.residual_layer_norm(states), behind)), dim=2)
        pooled = F.glu(self.pool(self._windows(self.self_attn_layer_norm(states), behind)), dim=2)
        pooled = self.self_attn(pooled, bias) + residual
        return self.ffn(self.ffn_layer_norm(pooled)) + pooled

    def _windows(self, states: Tensor, behind: Tensor | None) -> Tensor:
        """What each output frame hears, ``[B, T', kernel * hidden]``, tap after tap."""
        if behind is not None:
            states = states.masked_fill(behind, 0.0)
        kernel = self.residual_conv.kernel_size[0]
        padded = F.pad(states, (0, 0, self.stride // 2, self.stride // 2))
        return padded.unfold(1, kernel, self.stride).transpose(2, 3).flatten(2)


class Adapter(nn.Module):
    """One or more adapter layers."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(AdapterLayer(config) for _ in range(config.num_adapter_layers))


class FeatureProjection(nn.Module):
    """From stacked log-mel to the model's width."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.feature_projection_input_dim
        self.layer_norm = nn.LayerNorm(size, eps=config.layer_norm_eps)
        self.projection = nn.Linear(size, config.hidden_size)

    def forward(self, features: Tensor) -> Tensor:
        return self.projection(self.layer_norm(features))


class SpeechEncoder(nn.Module):
    """Features of utterances in, states for the text decoder out. Parameter prefix ``speech_encoder.``."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.feature_projection = FeatureProjection(config)
        self.encoder = ConformerEncoder(config)
        self.intermediate_ffn = ConformerFeedForward(config, "relu")
        self.adapter = Adapter(config)
        self.inner_layer_norm = nn.LayerNorm(config.hidden_size)

    def forward(self, features: Tensor, lengths: Tensor, present: Tensor) -> EncodedSource:
        """Encodes a ragged batch; a row's result does not depend on the others.

        Args:
            features: ``[B, T, 160]``, right-padded with finite values.
            lengths: ``[B]``, frames made of two mel frames each; attention sees these. At least 1.
            present: ``[B]``, ``lengths`` plus one where an odd mel frame is left over: that half frame is
                masked for attention, yet the adapter's convolutions read its place, as they do for a single
                utterance. Its features do not matter.
        """
        size = features.shape[1]
        padded = bool((lengths < size).any())
        valid = length_mask(lengths, size) if padded else None
        states = self.encoder(self.feature_projection(features), valid)
        states = states + self.intermediate_ffn(states)
        for layer in self.adapter.layers:
            behind = bias = None
            if padded:
                behind = ~length_mask(present, states.shape[1])[:, :, None]
            lengths, present = pooled_length(lengths, self.config), pooled_length(present, self.config)
            if padded:
                size = pooled_length(states.shape[1], self.config)
                bias = key_bias(length_mask(lengths, size), states.dtype)[:, None, None, :]
            states = layer(states, behind, bias)
        return EncodedSource(self.inner_layer_norm(states), lengths)
