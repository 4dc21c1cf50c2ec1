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
    key_bias,
    length_mask,
    sinusoidal_positions,
)
from translate_svc.models.product import Product


class LayerCache:
    """Keys and values of one layer: of tokens fed, of the source.

    ``self_rows`` and ``cross_rows`` are ``[slots, 2, heads, places, head_dim]``, keys before values; the
    other four are views of them, ``[slots, heads, places, head_dim]``.
    """

    def __init__(self, self_rows: Tensor, cross_rows: Tensor) -> None:
        self.self_rows = self_rows
        self.cross_rows = cross_rows
        self.self_keys, self.self_values = self_rows.unbind(1)
        self.cross_keys, self.cross_values = cross_rows.unbind(1)


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
            shape = (slots, 2, heads, places, config.hidden_size // heads)
            return torch.zeros(shape, device=device, dtype=dtype)

        self.layers = [
            LayerCache(rows(max_tokens), rows(max_encoder_frames)) for _ in range(config.decoder_layers)
        ]
        self.encoder_lengths = torch.zeros(slots, dtype=torch.int64, device=device)
        self.states = torch.zeros(slots, max_tokens, config.hidden_size, device=device, dtype=dtype)

    def clear(self, slots: Tensor) -> None:
        """Zeroes these rows (``[n]`` int64), whatever they held."""
        for layer in self.layers:
            for rows in (layer.self_rows, layer.cross_rows):
                rows.index_fill_(0, slots, 0.0)
        self.states.index_fill_(0, slots, 0.0)
        self.encoder_lengths.index_fill_(0, slots, 0)


_DENSE = 0.5
"""Where at least this share of a run of slots takes part in a step, attention reads the run in place; the
rows between come along and are thrown away. Below it the rows that take part are copied out.
"""


class _Places:
    """Where the rows of one step stand in the caches, and what each may see."""

    def __init__(self, cache: DecoderCache, slots: Tensor, positions: Tensor) -> None:
        self.slots = slots
        self.positions = positions
        taken: list[int] = slots.tolist()
        first, end = min(taken), max(taken) + 1
        self._rows: Tensor | None = None
        self._run: slice | Tensor = slots
        if len(taken) >= _DENSE * (end - first):
            self._run = slice(first, end)
            if taken != list(range(first, end)):
                self._rows = slots - first
        lengths, frames = positions + 1, cache.encoder_lengths[slots]
        dtype = cache.states.dtype
        self._reach, self._source_reach = int(lengths.max()), int(frames.max())
        self.source_seen = length_mask(frames, self._source_reach)[:, None, None, :]
        self._bias = self._spread(key_bias(length_mask(lengths, self._reach), dtype))[:, None, None, :]
        self._source_bias = self._spread(key_bias(self.source_seen[:, 0, 0], dtype))[:, None, None, :]

    def _spread(self, rows: Tensor) -> Tensor:
        """Rows of this step, each to its place in the run."""
        if self._rows is None:
            return rows
        assert isinstance(self._run, slice)
        run = rows.new_zeros(self._run.stop - self._run.start, *rows.shape[1:])
        return run.index_copy_(0, self._rows, rows)

    def write(self, cache: LayerCache, keys_values: Tensor) -> None:
        """Keys and values of the tokens fed, ``[B, 2, heads, head_dim]``."""
        cache.self_rows[self.slots, :, :, self.positions] = keys_values

    def attend_tokens(self, cache: LayerCache, query: Tensor) -> Tensor:
        """What ``query`` (``[B, heads, head_dim]``) draws from the tokens fed, ``[B, hidden]``."""
        rows = cache.self_rows[self._run, :, :, : self._reach]
        return self._attend(query, rows, self._bias)

    def attend_source(self, cache: LayerCache, query: Tensor) -> Tensor:
        """What ``query`` draws from the source, ``[B, hidden]``."""
        rows = cache.cross_rows[self._run, :, :, : self._source_reach]
        return self._attend(query, rows, self._source_bias)

    def source(self, cache: LayerCache) -> tuple[Tensor, Tensor]:
        """Keys and values of the sources, copied out: ``[B, heads, places, head_dim]``."""
        keys, values = cache.cross_rows[self.slots, :, :, : self._source_reach].unbind(1)
        return keys, values

    def _attend(self, query: Tensor, rows: Tensor, bias: Tensor) -> Tensor:
        keys, values = rows.unbind(1)
        mixed = F.scaled_dot_product_attention(self._spread(query)[:, :, None], keys, values, attn_mask=bias)
        mixed = mixed.flatten(1)
        return mixed if self._rows is None else mixed[self._rows]


NO_FRAME = -1
"""The place of a token that comes of no frame more than of others: of the text so far, as a rule."""

MIN_CONTRIBUTION = 0.15
"""Least contribution of the frame that a token is said to come of; docs/inspection.md has what it trades."""


class CrossAttention(MultiHeadAttention):
    """Attention to the encoder's frames, whose keys and values are computed once per utterance."""

    def prepare(self) -> None:
        """Products of one token. Those of the source are ``TextDecoder``'s, for all layers at once."""
        self.query = Product(self.q_proj)
        self.out = Product(self.out_proj)

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

    def forward(
        self, states: Tensor, cache: LayerCache, places: _Places, align: bool
    ) -> tuple[Tensor, Tensor | None]:
        """One token a row, ``[B, hidden]``; with ``align`` also ``CrossAttention.frames``, ``[B]``."""
        attention, cross = self.self_attn, self.cross_attention
        qkv = attention.qkv(self.self_attn_layer_norm(states)).view(
            states.shape[0], 3, cross.heads, cross.head_dim
        )
        places.write(cache, qkv[:, 1:])
        states = states + attention.out(places.attend_tokens(cache, qkv[:, 0]))

        query = cross.query(self.cross_attention_layer_norm(states))
        query = query.view(states.shape[0], cross.heads, cross.head_dim)
        frames = None
        if align:
            frames = cross.frames(query[:, :, None], *places.source(cache), places.source_seen)
        states = states + cross.out(places.attend_source(cache, query))
        return states + self.ffn(self.ffn_layer_norm(states)), frames


_STRETCH = 1024


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

    def prepare(self) -> None:
        """Products over all layers, and the output matrix: the embedding once more, in another layout."""
        attentions = [layer.cross_attention for layer in self._layers()]
        self._source_product = Product(*(each for one in attentions for each in (one.k_proj, one.v_proj)))
        self._output = Product(self.embed_tokens, keep=True)

    def embed(self, token_ids: Tensor) -> Tensor:
        """Scaled embeddings, ``[..., hidden]``; the text encoder's are the same."""
        return self.embed_tokens(token_ids) * self.embed_scale

    def write_source(self, cache: DecoderCache, slots: Tensor, states: Tensor) -> None:
        """Gives ``slots`` (``[n]``) one source's encoder states (``[length, hidden]``) to attend to.

        The rows are wiped first: nothing of a former owner can reach the new one.
        """
        cache.clear(slots)
        length = states.shape[0]
        heads, head_dim = cache.layers[0].cross_rows.shape[2::2]
        # [length, layers, 2, heads, head_dim] -> one [2, heads, length, head_dim] a layer
        made = self._source_product(states).view(length, -1, 2, heads, head_dim).permute(1, 2, 3, 0, 4)
        for layer_cache, rows in zip(cache.layers, made, strict=True):
            layer_cache.cross_rows[slots, :, :, :length] = rows
        cache.encoder_lengths[slots] = length

    def step(
        self, cache: DecoderCache, slots: Tensor, positions: Tensor, token_ids: Tensor, *, align: bool
    ) -> DecodedStep:
        """Feeds one token to each of some slots (all arguments ``[B]`` int64, slots distinct).

        Every slot must have a source and have been fed at all positions before the given one. Feeding the
        same token at the same position again changes nothing.
        """
        places = _Places(cache, slots, positions)
        states = self.embed(token_ids) + self.positions[positions]
        source_frames = None
        for index, (layer, layer_cache) in enumerate(zip(self._layers(), cache.layers, strict=True)):
            states, frames = layer(states, layer_cache, places, align and index == self.alignment_layer)
            source_frames = source_frames if frames is None else frames
        states = self.layer_norm(states)
        cache.states[slots, positions] = states
        return self._predict(states, source_frames)

    def _layers(self) -> Iterator[DecoderLayer]:
        for layer in self.layers:
            assert isinstance(layer, DecoderLayer)
            yield layer

    def _predict(self, states: Tensor, source_frames: Tensor | None) -> DecodedStep:
        logits = self._output(states).float()
        # a softmax is four times as fast as a logsumexp, and not finite where any logit is not a number
        best = logits.softmax(dim=-1).amax(dim=-1).log()
        return DecodedStep(
            first_maximum(logits),
            best,
            torch.isfinite(best) & torch.isfinite(states).all(dim=-1),
            source_frames,
        )


def first_maximum(values: Tensor) -> Tensor:
    """``values.argmax(dim=1)`` of ``[B, N]``, in two steps: looking for the place is four times as slow as
    looking for the value.
    """
    size = values.shape[1]
    whole = size - size % _STRETCH
    greatest = values[:, :whole].reshape(len(values), whole // _STRETCH, _STRETCH).amax(dim=2)
    if whole < size:
        greatest = torch.cat([greatest, values[:, whole:].amax(dim=1, keepdim=True)], dim=1)
    first = greatest.argmax(dim=1, keepdim=True) * _STRETCH
    places = (first + torch.arange(_STRETCH, device=values.device)).clamp(max=size - 1)
    return places.gather(1, values.gather(1, places).argmax(dim=1, keepdim=True)).squeeze(1)
