"""Text decoder: one token for each of many sequences in a step, every sequence at its own position.

Numerically ``SeamlessM4Tv2Decoder`` with its tied output matrix. transformers takes one past length for the
whole batch; here each row has its own, so that sequences may join and leave at every step.
"""

# mypy: disable-error-code="no-any-return"
# (calling an nn.Module gives Any)

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate_svc.models.config import ModelConfig
from translate_svc.models.layers import (
    Embedding,
    FeedForward,
    MultiHeadAttention,
    length_mask,
    sinusoidal_positions,
)


@dataclass(frozen=True, slots=True, eq=False)
class LayerCache:
    """Keys and values of one layer, ``[slots, heads, places, head_dim]``: of tokens fed, of the source."""

    self_keys: Tensor
    self_values: Tensor
    cross_keys: Tensor
    cross_values: Tensor


class DecoderCache:
    """Everything the decoder keeps of its sequences, one row ("slot") each, allocated once.

    Attributes:
        layers: keys and values, ``max_tokens`` and ``max_encoder_frames`` places long.
        encoder_lengths: ``[slots]``, states of the source that count: frames of speech, or tokens of text.
        states: ``[slots, max_tokens, hidden]``, the last hidden state of every token fed.

    Places that hold nothing hold finite numbers: attention multiplies masked values by zero, and zero times
    NaN is NaN. ``clear`` sees to that for what a failed sequence left.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        slots: int,
        max_tokens: int,
        max_encoder_frames: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        heads = config.decoder_attention_heads

        def rows(places: int) -> Tensor:
            shape = (slots, heads, places, config.hidden_size // heads)
            return torch.zeros(shape, device=device, dtype=dtype)

        self.layers = [
            LayerCache(rows(max_tokens), rows(max_tokens), rows(max_encoder_frames), rows(max_encoder_frames))
            for _ in range(config.decoder_layers)
        ]
        self.encoder_lengths = torch.zeros(slots, dtype=torch.int64, device=device)
        self.states = torch.zeros(slots, max_tokens, config.hidden_size, device=device, dtype=dtype)

    def clear(self, slots: Tensor) -> None:
        """Zeroes these rows (``[n]`` int64), whatever they held."""
        for layer in self.layers:
            for rows in (layer.self_keys, layer.self_values, layer.cross_keys, layer.cross_values):
                rows.index_fill_(0, slots, 0.0)
        self.states.index_fill_(0, slots, 0.0)
        self.encoder_lengths.index_fill_(0, slots, 0)


class _Places:
    """Where the rows of one step stand in the caches, and what each may see."""

    def __init__(self, cache: DecoderCache, slots: Tensor, positions: Tensor) -> None:
        frames = cache.encoder_lengths[slots]
        self.slots = slots
        self.positions = positions
        self.reach = int(positions.max()) + 1
        self.source_reach = int(frames.max())
        self.seen = length_mask(positions + 1, self.reach)[:, None, None, :]
        self.source_seen = length_mask(frames, self.source_reach)[:, None, None, :]


NO_FRAME = -1
"""The place of a token that comes of no frame more than of others: of the text so far, as a rule."""

MIN_CONTRIBUTION = 0.15
"""Least contribution of the frame that a token is said to come of; docs/inspection.md has what it trades."""


class CrossAttention(MultiHeadAttention):
    """Attention to the encoder's frames, whose keys and values are computed once per utterance."""

    def frames(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        """The frame that each query draws most from, ``[B]``, or ``NO_FRAME``. For inspection only.

        What a query draws from a frame is the attention weight times the norm of the value, mean over heads,
        in parts of the utterance's largest mean norm (Kobayashi et al. 2020, "Attention is Not Only a Weight:
        Analyzing Transformers with Vector Norms"). The weights alone mislead: a head that needs nothing of
        the source rests on some silent frame whose value is next to nothing.
        """
        scores = (query @ key.transpose(2, 3)) * self.head_dim**-0.5
        weights = scores.masked_fill(~mask, float("-inf")).softmax(dim=-1).squeeze(2)
        norms = value.norm(dim=-1).masked_fill(~mask.squeeze(2), 0.0)
        largest = norms.mean(dim=1).amax(dim=-1, keepdim=True)
        contributions, frames = ((weights * norms).mean(dim=1) / largest).max(dim=-1)
        return frames.masked_fill(contributions < MIN_CONTRIBUTION, NO_FRAME)


class DecoderLayer(nn.Module):
    """Pre-norm self-attention, cross-attention, feed-forward (``SeamlessM4Tv2DecoderLayer``)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size, heads = config.hidden_size, config.decoder_attention_heads
        self.self_attn = MultiHeadAttention(size, heads)
        self.self_attn_layer_norm = nn.LayerNorm(size)
        self.cross_attention = CrossAttention(size, heads)
        self.cross_attention_layer_norm = nn.LayerNorm(size)
        self.ffn = FeedForward(size, config.decoder_ffn_dim, config.activation_function)
        self.ffn_layer_norm = nn.LayerNorm(size)

    def write_source(self, cache: LayerCache, slots: Tensor, states: Tensor) -> None:
        """Keys and values of ``[length, hidden]`` encoder states, into every one of ``slots``."""
        attention, length = self.cross_attention, states.shape[0]
        cache.cross_keys[slots, :, :length] = attention.split_heads(attention.k_proj(states[None]))
        cache.cross_values[slots, :, :length] = attention.split_heads(attention.v_proj(states[None]))

    def forward(
        self, states: Tensor, cache: LayerCache, places: _Places, align: bool
    ) -> tuple[Tensor, Tensor | None]:
        """One token a row, ``[B, 1, hidden]``; with ``align`` also ``CrossAttention.frames``, ``[B]``."""
        slots, reach, source_reach = places.slots, places.reach, places.source_reach
        query, key, value = self.self_attn.project(self.self_attn_layer_norm(states))
        cache.self_keys[slots, :, places.positions] = key.squeeze(2)
        cache.self_values[slots, :, places.positions] = value.squeeze(2)
        keys, values = cache.self_keys[slots, :, :reach], cache.self_values[slots, :, :reach]
        states = states + self.self_attn.attend(query, keys, values, places.seen)

        cross = self.cross_attention
        query = cross.split_heads(cross.q_proj(self.cross_attention_layer_norm(states)))
        keys, values = cache.cross_keys[slots, :, :source_reach], cache.cross_values[slots, :, :source_reach]
        frames = cross.frames(query, keys, values, places.source_seen) if align else None
        states = states + cross.attend(query, keys, values, places.source_seen)
        return states + self.ffn(self.ffn_layer_norm(states)), frames


@dataclass(frozen=True, slots=True, eq=False)
class DecodedStep:
    """Per row: the most probable next token, its log-probability, whether the row is finite, and, when asked,
    the encoder frame that the alignment layer draws most from (``NO_FRAME``: none stands out)."""

    token_ids: Tensor
    log_probabilities: Tensor
    finite: Tensor
    source_frames: Tensor | None


class TextDecoder(nn.Module):
    """Decode step over a ``DecoderCache``. Parameter prefix ``text_decoder.``; the output matrix is tied.

    Args:
        config: sizes.
        max_tokens: greatest number of tokens fed to one sequence.
        alignment_layer: the decoder layer whose cross-attention tells a token's place in the source.
    """

    positions: Tensor

    def __init__(self, config: ModelConfig, *, max_tokens: int, alignment_layer: int) -> None:
        super().__init__()
        self.alignment_layer = alignment_layer
        self.embed_scale = math.sqrt(config.hidden_size) if config.scale_embedding else 1.0
        self.embed_tokens = Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.decoder_layers))
        self.layer_norm = nn.LayerNorm(config.hidden_size)
        table = sinusoidal_positions(max_tokens, config.hidden_size, config.pad_token_id)
        self.register_buffer("positions", table, persistent=False)

    def embed(self, token_ids: Tensor) -> Tensor:
        """Scaled embeddings, ``[..., hidden]``; the text encoder's are the same."""
        return self.embed_tokens(token_ids) * self.embed_scale

    def write_source(self, cache: DecoderCache, slots: Tensor, states: Tensor) -> None:
        """Gives ``slots`` (``[n]``) one source's encoder states (``[length, hidden]``) to attend to.

        The rows are wiped first: nothing of a former owner can reach the new one.
        """
        cache.clear(slots)
        for layer, layer_cache in zip(self._layers(), cache.layers, strict=True):
            layer.write_source(layer_cache, slots, states)
        cache.encoder_lengths[slots] = states.shape[0]

    def step(
        self, cache: DecoderCache, slots: Tensor, positions: Tensor, token_ids: Tensor, *, align: bool
    ) -> DecodedStep:
        """Feeds one token to each of some slots (all arguments ``[B]`` int64, slots distinct).

        Every slot must have a source and have been fed at all positions before the given one. Feeding the
        same token at the same position again changes nothing.
        """
        places = _Places(cache, slots, positions)
        states = (self.embed(token_ids) + self.positions[positions])[:, None]
        source_frames = None
        for index, (layer, layer_cache) in enumerate(zip(self._layers(), cache.layers, strict=True)):
            states, frames = layer(states, layer_cache, places, align and index == self.alignment_layer)
            source_frames = source_frames if frames is None else frames
        states = self.layer_norm(states).squeeze(1)
        cache.states[slots, positions] = states
        return self._predict(states, source_frames)

    def _layers(self) -> Iterator[DecoderLayer]:
        for layer in self.layers:
            assert isinstance(layer, DecoderLayer)
            yield layer

    def _predict(self, states: Tensor, source_frames: Tensor | None) -> DecodedStep:
        logits = F.linear(states, self.embed_tokens.weight).float()
        best, token_ids = logits.max(dim=-1)
        return DecodedStep(
            token_ids,
            best - logits.logsumexp(dim=-1),
            torch.isfinite(logits).all(dim=-1),
            source_frames,
        )
