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
from translate_svc.models.layers import Embedding, EncodedSource, activation, length_mask

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
    """Two dense layers (``SeamlessM4Tv2ConformerFeedForward``)."""

    def __init__(self, config: ModelConfig, act: str) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(config.hidden_size, config.speech_encoder_intermediate_size)
        self.output_dense = nn.Linear(config.speech_encoder_intermediate_size, config.hidden_size)
        self.act = activation(act)

    def forward(self, states: Tensor) -> Tensor:
        return self.output_dense(self.act(self.intermediate_dense(states)))


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

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """``[B, T, hidden]`` under a mask, broadcast to ``[B, 1, T, T]``, True where a key may be seen."""
        query, key, value = (
            linear(states).view(*states.shape[:-1], self.heads, self.head_dim).transpose(1, 2)
            for linear in (self.linear_q, self.linear_k, self.linear_v)
        )
        attend = mask
        if self.distance_embedding is not None:
            bias = self._relative_bias(query) * self.head_dim**-0.5
            attend = bias.masked_fill(~mask, float("-inf"))
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=attend)
        return self.linear_out(mixed.transpose(1, 2).flatten(2))

    def _relative_bias(self, query: Tensor) -> Tensor:
        """``query[t] . distance_embedding[clip(s - t)]``, ``[B, heads, T, T]``."""
        assert self.distance_embedding is not None
        places = torch.arange(query.shape[2], device=query.device)
        distance = (places[None, :] - places[:, None]).clamp(-self.left, self.right) + self.left
        by_distance = query @ self.distance_embedding.weight.t()
        return by_distance.gather(3, distance.expand(*query.shape[:2], -1, -1))


class ConformerConvolution(nn.Module):
    """Causal depthwise convolution block (``SeamlessM4Tv2ConformerConvolutionModule``)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.layer_norm = nn.LayerNorm(size)
        self.pointwise_conv1 = nn.Conv1d(size, 2 * size, 1, bias=False)
        self.depthwise_conv = nn.Conv1d(
            size, size, config.conv_depthwise_kernel_size, groups=size, bias=False
        )
        self.depthwise_layer_norm = nn.LayerNorm(size)
        self.pointwise_conv2 = nn.Conv1d(size, size, 1, bias=False)
        self.act = activation(config.speech_encoder_hidden_act)
        self.left_padding = config.conv_depthwise_kernel_size - 1

    def forward(self, states: Tensor, valid: Tensor) -> Tensor:
        states = self.layer_norm(states).masked_fill(~valid[:, :, None], 0.0).transpose(1, 2)
        states = F.glu(self.pointwise_conv1(states), dim=1)
        states = self.depthwise_conv(F.pad(states, (self.left_padding, 0)))
        states = self.act(self.depthwise_layer_norm(states.transpose(1, 2)))
        return self.pointwise_conv2(states.transpose(1, 2)).transpose(1, 2)


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

    def forward(self, states: Tensor, valid: Tensor, mask: Tensor) -> Tensor:
        states = states + 0.5 * self.ffn1(self.ffn1_layer_norm(states))
        states = states + self.self_attn(self.self_attn_layer_norm(states), mask)
        states = states + self.conv_module(states, valid)
        states = states + 0.5 * self.ffn2(self.ffn2_layer_norm(states))
        return self.final_layer_norm(states)


class ConformerEncoder(nn.Module):
    """The conformer stack with its closing layer norm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(ConformerLayer(config) for _ in range(config.speech_encoder_layers))
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.chunk = config.speech_encoder_chunk_size
        self.left_chunks = config.speech_encoder_left_chunk_num

    def forward(self, states: Tensor, valid: Tensor) -> Tensor:
        states = states.masked_fill(~valid[:, :, None], 0.0)
        mask = valid[:, None, None, :]
        if self.chunk is not None and self.chunk < states.shape[1]:
            mask = mask & self._chunk_mask(states.shape[1], self.chunk, states.device)
        for layer in self.layers:
            states = layer(states, valid, mask)
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
        self.residual_layer_norm = nn.LayerNorm(size)
        self.residual_conv = nn.Conv1d(size, 2 * size, kernel, stride=stride, padding=stride // 2)
        self.self_attn_layer_norm = nn.LayerNorm(size)
        self.self_attn_conv = nn.Conv1d(size, 2 * size, kernel, stride=stride, padding=stride // 2)
        self.self_attn = ConformerSelfAttention(config, relative=False)
        self.ffn_layer_norm = nn.LayerNorm(size)
        self.ffn = ConformerFeedForward(config, "relu")

    def forward(self, states: Tensor, present: Tensor, pooled_lengths: Tensor) -> Tensor:
        """``present``: places that a single utterance would have too; what lies behind must read as zero."""
        behind = ~present[:, :, None]
        residual = self.residual_layer_norm(states).masked_fill(behind, 0.0).transpose(1, 2)
        residual = F.glu(self.residual_conv(residual), dim=1).transpose(1, 2)
        pooled = self.self_attn_layer_norm(states).masked_fill(behind, 0.0).transpose(1, 2)
        pooled = F.glu(self.self_attn_conv(pooled), dim=1).transpose(1, 2)
        mask = length_mask(pooled_lengths, pooled.shape[1])[:, None, None, :]
        pooled = self.self_attn(pooled, mask) + residual
        return self.ffn(self.ffn_layer_norm(pooled)) + pooled


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
        valid = length_mask(lengths, features.shape[1])
        states = self.encoder(self.feature_projection(features), valid)
        states = states + 0.5 * self.intermediate_ffn(states)
        for layer in self.adapter.layers:
            pooled_lengths = pooled_length(lengths, self.config)
            states = layer(states, length_mask(present, states.shape[1]), pooled_lengths)
            lengths, present = pooled_lengths, pooled_length(present, self.config)
        return EncodedSource(self.inner_layer_norm(states), lengths)
