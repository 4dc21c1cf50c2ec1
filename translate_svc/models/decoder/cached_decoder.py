"""Text decoder: one token, or a run of known tokens, for each of many sequences, each at its own position.

It is the decoder of SeamlessM4T v2 and of Whisper: that of Vaswani et al. 2017 with the norms in front, and
with the embedding as its output matrix. transformers takes one past length for the whole batch. Here each row
has its own, so that sequences can join and leave at every step.
"""

# mypy: disable-error-code="no-any-return"
# (calling an nn.Module returns Any)

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet

import torch
from torch import Tensor, nn

from translate_svc.models.alignment.heads import AlignmentHeads, HeadAttention
from translate_svc.models.decoded_step import NO_FRAME, NO_OPTIONAL_FIELDS, StepFields, StepLogits
from translate_svc.models.decoder.decoder_cache import (
    AttentionMetadata,
    DecoderCache,
    LayerCache,
)
from translate_svc.models.decoder.decoder_shape import DecoderShape
from translate_svc.models.layers.transformer import FeedForward, MultiHeadAttention
from translate_svc.models.linear.embedding import OutputEmbedding
from translate_svc.models.linear.packed_linear import PackedLinear
from translate_svc.models.runs import Runs

MIN_CONTRIBUTION = 0.15
"""Smallest contribution of a frame that counts as a token's source. docs/lab/2026-11-single-measurements.md
has the trade-off.
"""


class CrossAttention(MultiHeadAttention):
    """Attention to the encoder's frames. Their keys and values are computed once per utterance."""

    def prepare(self) -> None:
        """Packs the tokens' matrices. ``CachedDecoder`` packs the source's, for all layers together."""
        self.query = PackedLinear(self.q_proj)
        self.out = PackedLinear(self.out_proj)

    def frames(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor) -> Tensor:
        """The frame that contributes most to each query, ``[B, T]``, or ``NO_FRAME``. For inspection only.

        A frame's contribution is its attention weight times the norm of its value, mean over heads, divided
        by the utterance's largest mean norm (Kobayashi et al. 2020, "Attention is Not Only a Weight:
        Analyzing Transformers with Vector Norms"). The weights alone mislead: a head that needs nothing
        from the source puts its weight on some silent frame whose value is almost zero.
        """
        scores = (query @ key.transpose(2, 3)) * self.head_dim**-0.5
        weights = scores.masked_fill(~mask, float("-inf")).softmax(dim=-1)
        norms = value.norm(dim=-1).masked_fill(~mask.squeeze(2), 0.0)
        largest = norms.mean(dim=1).amax(dim=-1, keepdim=True)[:, None]
        contributions, frames = ((weights * norms[:, :, None]).mean(dim=1) / largest).max(dim=-1)
        return frames.masked_fill(contributions < MIN_CONTRIBUTION, NO_FRAME)


class DecoderLayer(nn.Module):
    """Pre-norm self-attention, cross-attention, feed-forward."""

    def __init__(self, config: DecoderShape, *, biased_keys: bool) -> None:
        super().__init__()
        size, heads = config.hidden_size, config.decoder_attention_heads
        self.self_attn = MultiHeadAttention(size, heads, biased_keys=biased_keys)
        self.self_attn_layer_norm = nn.LayerNorm(size)
        self.cross_attention = CrossAttention(size, heads, biased_keys=biased_keys)
        self.cross_attention_layer_norm = nn.LayerNorm(size)
        self.ffn = FeedForward(size, config.decoder_ffn_dim, config.activation_function)
        self.ffn_layer_norm = nn.LayerNorm(size)

    def forward(
        self, states: Tensor, cache: LayerCache, metadata: AttentionMetadata
    ) -> tuple[Tensor, Tensor]:
        """Takes and returns ``[B, T, hidden]``; also returns the cross-attention queries,
        ``[B, T, heads, head_dim]``.
        """
        attention, cross = self.self_attn, self.cross_attention
        qkv = attention.qkv(self.self_attn_layer_norm(states)).view(
            *states.shape[:2], 3, cross.heads, cross.head_dim
        )
        metadata.write(cache, qkv[:, :, 1:])
        states = states + attention.out(metadata.attend_tokens(cache, qkv[:, :, 0]))

        query = cross.query(self.cross_attention_layer_norm(states))
        query = query.view(*states.shape[:2], cross.heads, cross.head_dim)
        states = states + cross.out(metadata.attend_source(cache, query))
        return states + self.ffn(self.ffn_layer_norm(states)), query


class CachedDecoder(nn.Module):
    """Passes over a ``DecoderCache``. The output matrix is tied. A family adds ``positions``.

    Args:
        config: sizes.
        alignment_layer: the decoder layer whose cross-attention shows which frame a token comes from.
        alignment_heads: the heads whose attention over the source is returned; by default all of that layer.
        biased_keys: whether the products of keys have biases.

    Attributes:
        positions: what is added to an embedding at each position, ``[tokens + 1, hidden]``: one more than
            there are tokens, for the cache's scratch column.
    """

    positions: Tensor

    def __init__(
        self,
        config: DecoderShape,
        *,
        alignment_layer: int,
        alignment_heads: AlignmentHeads | None = None,
        biased_keys: bool = True,
    ) -> None:
        super().__init__()
        self.alignment_layer = alignment_layer
        self.head_attention = HeadAttention(
            alignment_heads or AlignmentHeads.of_layer(alignment_layer, config)
        )
        self.embed_scale = math.sqrt(config.hidden_size) if config.scale_embedding else 1.0
        self.embed_tokens = OutputEmbedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(
            DecoderLayer(config, biased_keys=biased_keys) for _ in range(config.decoder_layers)
        )
        self.layer_norm = nn.LayerNorm(config.hidden_size)

    def prepare(self) -> None:
        """Packs the source's matrices of all layers, and the output matrix.

        In floating point, the output matrix is a second copy of the embedding, in another layout.
        """
        attentions = [layer.cross_attention for layer in self._layers()]
        self._source_product = PackedLinear(
            *(each for one in attentions for each in (one.k_proj, one.v_proj))
        )
        self._output = PackedLinear(self.embed_tokens, keep=True)

    def embed(self, token_ids: Tensor) -> Tensor:
        """Scaled embeddings, ``[..., hidden]``. The text encoder uses the same ones."""
        return self._output.rows(token_ids) * self.embed_scale

    def write_sources(
        self, cache: DecoderCache, slots: Sequence[Sequence[int]], states: Sequence[Tensor]
    ) -> None:
        """Stores encoder states, each ``[length, hidden]``: all ``slots[i]`` then attend to ``states[i]``.

        Any earlier source of these slots is cleared first. Their tokens stay. All sources are one product,
        which reads its weights once.
        """
        cache.clear_source([slot for owned in slots for slot in owned])
        layers, _, _, heads, _, head_dim = cache.cross_rows.shape
        made = self._source_product(torch.cat(list(states))).view(-1, layers, 2, heads, head_dim)
        # [length, layers, 2, heads, head_dim] -> [layers, 2, heads, length, head_dim]
        parts = torch.split(made.permute(1, 2, 3, 0, 4), [len(each) for each in states], dim=3)
        for owned, part in zip(slots, parts, strict=True):
            for slot in owned:
                cache.source_lengths[slot] = part.shape[3]
            cache.cross_rows[:, cache.index(owned), :, :, : part.shape[3]] = part[:, None]

    def decode(
        self, cache: DecoderCache, runs: Runs, optional: StepFields = NO_OPTIONAL_FIELDS
    ) -> StepLogits:
        """Feeds tokens to each of some slots in one pass. The result is the same as token by token.

        Every slot must have a source, and a token at all positions before its run. Feeding the same tokens at
        the same positions again changes nothing. ``optional``: which optional fields the result has.
        """
        logit_positions = None
        if runs.longest > 1:
            rows, columns = runs.logit_positions()
            logit_positions = cache.index(rows), cache.index(columns)
        return self.run(cache, AttentionMetadata.fitting(cache, runs), optional, logit_positions)

    def run(
        self,
        cache: DecoderCache,
        metadata: AttentionMetadata,
        optional: StepFields,
        logit_positions: tuple[Tensor, Tensor] | None = None,
        logits: Tensor | None = None,
    ) -> StepLogits:
        """The part of ``decode`` after the preparation on the host. Nothing here waits for the device.

        ``logit_positions``: rows and columns of the tokens whose successors are wanted; by default the last
        column. ``logits``: float32 to write the logits to; by default they are a new tensor.
        """
        states, queries = self._through_layers(cache, metadata, self._watched(optional))
        last = states[:, -1] if logit_positions is None else states[logit_positions]
        made = self._output(last)
        return StepLogits(
            made.float() if logits is None else logits.copy_(made),
            torch.isfinite(last).all(dim=-1),
            self._frames(cache, metadata, queries) if optional.source_frames else None,
            self.head_attention.mean(cache, metadata, queries) if optional.attention else None,
        )

    def _watched(self, optional: StepFields) -> AbstractSet[int]:
        """The layers whose queries the optional fields are computed from."""
        of_frames = {self.alignment_layer} if optional.source_frames else set()
        return of_frames | self.head_attention.used_layers if optional.attention else of_frames

    def attend(self, cache: DecoderCache, runs: Runs, heads: HeadAttention) -> Tensor:
        """Feeds ``runs`` and returns the attention of each of these heads, as ``HeadAttention.each`` does."""
        metadata = AttentionMetadata.fitting(cache, runs)
        _, queries = self._through_layers(cache, metadata, heads.used_layers)
        return heads.each(cache, metadata, queries)

    def _through_layers(
        self, cache: DecoderCache, metadata: AttentionMetadata, watched: AbstractSet[int]
    ) -> tuple[Tensor, dict[int, Tensor]]:
        """The last hidden states (also stored in ``cache``) and the watched layers' queries of the source."""
        states = self.embed(metadata.token_ids) + self.positions[metadata.positions]
        queries: dict[int, Tensor] = {}
        for index, (layer, layer_cache) in enumerate(zip(self._layers(), cache.layers, strict=True)):
            states, query = layer(states, layer_cache, metadata)
            if index in watched:
                queries[index] = query
        states = self.layer_norm(states)
        cache.states[metadata.slots[:, None], metadata.positions] = states
        return states, queries

    def _frames(self, cache: DecoderCache, metadata: AttentionMetadata, queries: dict[int, Tensor]) -> Tensor:
        layer, layer_cache = self.layers[self.alignment_layer], cache.layers[self.alignment_layer]
        assert isinstance(layer, DecoderLayer)
        query = queries[self.alignment_layer].transpose(1, 2)
        return layer.cross_attention.frames(query, *metadata.source(layer_cache), metadata.source_seen)

    def _layers(self) -> Iterator[DecoderLayer]:
        for layer in self.layers:
            assert isinstance(layer, DecoderLayer)
            yield layer
