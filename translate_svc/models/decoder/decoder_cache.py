"""What the text decoder keeps of its sequences, and how the rows of one step are found in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from translate_svc.models.config import ModelConfig
from translate_svc.models.layers import key_bias, length_mask, to_device


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


@dataclass(frozen=True, slots=True)
class DecodeInput:
    """One token for each of some rows: sequences of equal length, the slots distinct. ``positions`` count a
    row's tokens from 0.
    """

    slots: Sequence[int]
    positions: Sequence[int]
    token_ids: Sequence[int]


class GraphBucket(NamedTuple):
    """How many places attention reads: of tokens fed, of the source."""

    tokens: int
    source: int


class DecoderCache:
    """Everything the decoder keeps of its sequences, one row ("slot") each, allocated once.

    Attributes:
        layers: keys and values; ``max_slot_tokens`` places and a spare one, ``max_encoder_frames`` places.
        cross_rows: those of the sources, of all layers: ``[layers, slots, 2, heads, places, head_dim]``.
        source_lengths: by slot, states of the source that count: frames of speech, or tokens of text. On the
            host, where steps are prepared: a device that is asked must finish first.
        states: ``[slots, max_slot_tokens + 1, hidden]``, the last hidden state of every token fed.
        reach: of attention at most.

    Places that hold nothing hold finite numbers: attention multiplies masked values by zero, and zero times
    NaN is NaN. ``clear`` sees to that for what a failed sequence left. The scratch column is written by rows
    that come along in a step without taking part, and never read.
    """

    def __init__(
        self,
        config: ModelConfig,
        *,
        max_slots: int,
        max_slot_tokens: int,
        max_encoder_frames: int,
        device: torch.device,
        dtype: torch.dtype,
    ) -> None:
        heads = config.decoder_attention_heads

        def rows(places: int) -> Tensor:
            shape = (config.decoder_layers, max_slots, 2, heads, places, config.hidden_size // heads)
            return torch.zeros(shape, device=device, dtype=dtype)

        self._self_rows, self.cross_rows = rows(max_slot_tokens + 1), rows(max_encoder_frames)
        self.layers = [
            LayerCache(of_tokens, of_source)
            for of_tokens, of_source in zip(self._self_rows, self.cross_rows, strict=True)
        ]
        self.source_lengths = [0] * max_slots
        self.states = torch.zeros(
            max_slots, max_slot_tokens + 1, config.hidden_size, device=device, dtype=dtype
        )
        self.reach = GraphBucket(max_slot_tokens, max_encoder_frames)

    @property
    def scratch_column(self) -> int:
        """The place behind the last token's."""
        return self.reach.tokens

    def lengths(self, slots: Sequence[int]) -> list[int]:
        """Of these slots' sources."""
        return [self.source_lengths[slot] for slot in slots]

    def index(self, slots: Sequence[int]) -> Tensor:
        """``[n]`` int64 on the caches' device."""
        return to_device(slots, self.states.device)

    def clear(self, slots: Sequence[int]) -> None:
        """Zeroes these rows, whatever they held."""
        index = self.index(slots)
        for rows in (self._self_rows, self.cross_rows):
            rows.index_fill_(1, index, 0.0)
        self.states.index_fill_(0, index, 0.0)
        for slot in slots:
            self.source_lengths[slot] = 0


_DENSE = 0.5
"""Where at least this share of a run of slots takes part in a step, attention reads the run in place; the
rows between come along and are thrown away. Below it the rows that take part are copied out.
"""


class AttentionMetadata:
    """Where the rows of one step stand in the caches, and what each may see.

    Args:
        inputs: ``[3, B]`` int64: token ids, positions, lengths of the sources.
        slots: ``[B]`` int64.
        run: the slots whose rows attention reads.
        rows: the places of this step's rows among them; None where they are all of them, in order.
        reach: how far.
        dtype: of the caches.

    Attributes:
        source_seen: ``[B, 1, 1, reach.source]``, False behind a row's source.
    """

    def __init__(
        self,
        inputs: Tensor,
        slots: Tensor,
        run: slice | Tensor,
        rows: Tensor | None,
        reach: GraphBucket,
        dtype: torch.dtype,
    ) -> None:
        self.token_ids, self.positions, source_lengths = inputs
        self.slots = slots
        self._run, self._rows, self._reach = run, rows, reach
        self.source_seen = length_mask(source_lengths, reach.source)[:, None, None, :]
        seen = length_mask(self.positions + 1, reach.tokens)
        self._bias = self._spread(key_bias(seen, dtype))[:, None, None, :]
        self._source_bias = self._spread(key_bias(self.source_seen[:, 0, 0], dtype))[:, None, None, :]

    @classmethod
    def fitting(cls, cache: DecoderCache, fed: DecodeInput) -> AttentionMetadata:
        """Those of ``fed``, reaching no further than they must."""
        lengths = cache.lengths(fed.slots)
        inputs = to_device([fed.token_ids, fed.positions, lengths, fed.slots], cache.states.device)
        slots = inputs[3]
        first, end = min(fed.slots), max(fed.slots) + 1
        run: slice | Tensor = slots
        rows: Tensor | None = None
        if len(fed.slots) >= _DENSE * (end - first):
            run = slice(first, end)
            if list(fed.slots) != list(range(first, end)):
                rows = slots - first
        reach = GraphBucket(max(fed.positions) + 1, max(lengths))
        return cls(inputs[:3], slots, run, rows, reach, cache.states.dtype)

    @classmethod
    def fixed(cls, cache: DecoderCache, inputs: Tensor, reach: GraphBucket) -> AttentionMetadata:
        """Those of the first ``B`` slots, whatever ``inputs`` (see above, on the caches' device) says."""
        count = inputs.shape[1]
        slots = torch.arange(count, device=inputs.device)
        return cls(inputs, slots, slice(0, count), None, reach, cache.states.dtype)

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
        rows = cache.self_rows[self._run, :, :, : self._reach.tokens]
        return self._attend(query, rows, self._bias)

    def attend_source(self, cache: LayerCache, query: Tensor) -> Tensor:
        """What ``query`` draws from the source, ``[B, hidden]``."""
        rows = cache.cross_rows[self._run, :, :, : self._reach.source]
        return self._attend(query, rows, self._source_bias)

    def source(self, cache: LayerCache) -> tuple[Tensor, Tensor]:
        """Keys and values of the sources: ``[B, heads, places, head_dim]``."""
        rows = cache.cross_rows[self._run, :, :, : self._reach.source]
        keys, values = (rows if self._rows is None else rows[self._rows]).unbind(1)
        return keys, values

    def _attend(self, query: Tensor, rows: Tensor, bias: Tensor) -> Tensor:
        keys, values = rows.unbind(1)
        mixed = F.scaled_dot_product_attention(self._spread(query)[:, :, None], keys, values, attn_mask=bias)
        mixed = mixed.flatten(1)
        return mixed if self._rows is None else mixed[self._rows]
