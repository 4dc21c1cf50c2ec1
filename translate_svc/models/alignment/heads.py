"""Attention of chosen decoder heads over the source. It shows where each token of a text comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from translate_svc.errors import InvalidArgument
from translate_svc.models.decoder.decoder_cache import AttentionMetadata, DecoderCache
from translate_svc.models.decoder.decoder_shape import DecoderShape


@dataclass(frozen=True, slots=True)
class AlignmentHeads:
    """Cross-attention heads that follow the source: distinct pairs (decoder layer, head), each from 0."""

    pairs: tuple[tuple[int, int], ...]

    @classmethod
    def of_layer(cls, layer: int, config: DecoderShape) -> AlignmentHeads:
        """All heads of one layer."""
        return cls(tuple((layer, head) for head in range(config.decoder_attention_heads)))

    @classmethod
    def all(cls, config: DecoderShape) -> AlignmentHeads:
        """All heads of all layers, those of the first layer first."""
        layers, heads = config.decoder_layers, config.decoder_attention_heads
        return cls(tuple((layer, head) for layer in range(layers) for head in range(heads)))

    def check(self, config: DecoderShape) -> None:
        """Checks that a checkpoint has these heads.

        Raises:
            InvalidArgument: there are no heads, the checkpoint does not have one, or one is named twice.
        """
        known = set(AlignmentHeads.all(config).pairs)
        if not self.pairs or len(set(self.pairs)) < len(self.pairs) or not known.issuperset(self.pairs):
            layers, heads = config.decoder_layers, config.decoder_attention_heads
            message = f"must be distinct (layer, head) pairs of {layers} layers with {heads} heads each"
            raise InvalidArgument(message, field="alignment_heads")


class HeadAttention(nn.Module):
    """Attention weights of some heads over the source, from the queries of one pass over the layers."""

    layers: Tensor
    heads: Tensor

    def __init__(self, chosen: AlignmentHeads) -> None:
        super().__init__()
        self.chosen = chosen
        # on the CPU even under a meta-device context: no checkpoint stores these
        pairs = torch.tensor(chosen.pairs, device=torch.device("cpu"))
        self.register_buffer("layers", pairs[:, :1], persistent=False)
        self.register_buffer("heads", pairs[:, 1:], persistent=False)
        self.used_layers = frozenset(layer for layer, _ in chosen.pairs)

    def each(self, cache: DecoderCache, metadata: AttentionMetadata, queries: Mapping[int, Tensor]) -> Tensor:
        """``[pairs, B, T, frames]`` float32: softmax weights, zero after the end of a row's source.

        Args:
            cache: keys of the sources.
            metadata: where the rows of this pass are in the cache.
            queries: for each layer of ``used_layers``: ``[B, T, heads, head_dim]``.
        """
        query = torch.stack([queries[layer][:, :, head] for layer, head in self.chosen.pairs])
        keys = cache.cross_rows[self.layers, metadata.slots, 0, self.heads, : metadata.source_seen.shape[-1]]
        scores = (query @ keys.transpose(2, 3)).float() * query.shape[-1] ** -0.5
        scores = scores.masked_fill(~metadata.source_seen[:, 0], float("-inf"))
        return torch.softmax(scores, dim=-1)

    def mean(self, cache: DecoderCache, metadata: AttentionMetadata, queries: Mapping[int, Tensor]) -> Tensor:
        """``each``, averaged over the heads: ``[B, T, frames]``."""
        return self.each(cache, metadata, queries).mean(dim=0)
