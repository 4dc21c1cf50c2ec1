"""The text decoder's cache, and how the rows of one step are found in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from translate_svc.models.decoder.decoder_shape import DecoderShape
from translate_svc.models.layers.transformer import key_bias, length_mask, to_device
from translate_svc.models.runs import Runs


class LayerCache:
    """Keys and values of one layer, for the tokens fed and for the source.

    ``self_rows`` and ``cross_rows`` are ``[slots, 2, heads, columns, head_dim]``, keys before values. The
    other four are views of them, ``[slots, heads, columns, head_dim]``.
    """

    def __init__(self, self_rows: Tensor, cross_rows: Tensor) -> None:
        self.self_rows = self_rows
        self.cross_rows = cross_rows
        self.self_keys, self.self_values = self_rows.unbind(1)
        self.cross_keys, self.cross_values = cross_rows.unbind(1)


class GraphBucket(NamedTuple):
    """How many columns of the cache attention reads, for the tokens fed and for the source."""

    tokens: int
    source: int


class DecoderCache:
    """Everything the decoder keeps of its sequences, one row ("slot") each, allocated once.

    Attributes:
        layers: keys and values. Tokens have ``max_slot_tokens`` columns and the scratch column; sources have
            ``max_encoder_frames`` columns.
        cross_rows: keys and values of the sources, all layers:
            ``[layers, slots, 2, heads, columns, head_dim]``.
        source_lengths: by slot, the number of valid states of the source: frames of speech, or tokens of
            text. They are on the host, where steps are prepared: a read from the device would have to wait
            for it.
        states: ``[slots, max_slot_tokens + 1, hidden]``, the last hidden state of every token fed.
        reach: the most columns that attention reads.

    Empty columns hold finite numbers: attention multiplies masked values by zero, and zero times NaN is NaN.
    ``clear_tokens`` and ``clear_source`` restore that after a failed sequence. Two things write to the
    scratch column: rows that a step computes although they do not take part, and the padding of short runs.
    Nothing reads it.
    """

    def __init__(
        self,
        config: DecoderShape,
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
            return _untouched_zeros(shape, device, dtype)

        self._self_rows, self.cross_rows = rows(max_slot_tokens + 1), rows(max_encoder_frames)
        self.layers = [
            LayerCache(of_tokens, of_source)
            for of_tokens, of_source in zip(self._self_rows, self.cross_rows, strict=True)
        ]
        self.source_lengths = np.zeros(max_slots, np.int64)
        self.states = torch.zeros(
            max_slots, max_slot_tokens + 1, config.hidden_size, device=device, dtype=dtype
        )
        self.reach = GraphBucket(max_slot_tokens, max_encoder_frames)

    @property
    def scratch_column(self) -> int:
        """The column after the last token's."""
        return self.reach.tokens

    def lengths(self, slots: Sequence[int]) -> list[int]:
        """Lengths of these slots' sources."""
        return [int(self.source_lengths[slot]) for slot in slots]

    def index(self, slots: Sequence[int]) -> Tensor:
        """``slots`` as ``[n]`` int64 on the cache's device."""
        return to_device(slots, self.states.device)

    def clear_tokens(self, slots: Sequence[int]) -> None:
        """Zeroes everything that these rows hold of tokens. Their sources stay."""
        index = self.index(slots)
        self._self_rows.index_fill_(1, index, 0.0)
        self.states.index_fill_(0, index, 0.0)

    def clear_source(self, slots: Sequence[int]) -> None:
        """Zeroes everything that these rows hold of a source. Their tokens stay."""
        self.cross_rows.index_fill_(1, self.index(slots), 0.0)
        for slot in slots:
            self.source_lengths[slot] = 0

    def fork(self, slot: int, slots: Sequence[int]) -> None:
        """Makes each of the other ``slots`` a copy of ``slot``: its source and all tokens fed to it."""
        self._copy_tokens(slots, [slot] * len(slots), self.reach.tokens)
        self.cross_rows[:, self.index(slots)] = self.cross_rows[:, slot, None]
        for each in slots:
            self.source_lengths[each] = self.source_lengths[slot]

    def reorder(self, slots: Sequence[int], parents: Sequence[int], tokens: int) -> None:
        """Gives ``slots[i]`` the first ``tokens`` tokens of ``parents[i]``, for all of them at once.

        A slot and its parent have the same source, which stays. A parent may have several children, or none.
        """
        moved = [(slot, parent) for slot, parent in zip(slots, parents, strict=True) if slot != parent]
        if not moved:
            return
        self._copy_tokens([slot for slot, _ in moved], [parent for _, parent in moved], tokens)

    def _copy_tokens(self, slots: Sequence[int], origins: Sequence[int], tokens: int) -> None:
        index, origin = self.index(slots), self.index(origins)
        self._self_rows[:, index, :, :, :tokens] = self._self_rows[:, origin, :, :, :tokens]
        self.states[index, :tokens] = self.states[origin, :tokens]


def _untouched_zeros(shape: Sequence[int], device: torch.device, dtype: torch.dtype) -> Tensor:
    """Zeros. On a CPU they take memory where they are written: few texts fill their slot."""
    if device.type != "cpu":
        return torch.zeros(shape, device=device, dtype=dtype)
    bytes_of = np.zeros(math.prod(shape) * dtype.itemsize, np.uint8)
    return torch.from_numpy(bytes_of).view(dtype).view(shape)


_DENSE = 0.5
"""If at least this share of a range of slots takes part in a step, attention reads the whole range in place,
and the results of the other rows are thrown away. Below this share, the rows that take part are copied out.
"""


class AttentionMetadata:
    """Where the rows of one pass are in the cache, and what each token may attend to.

    Args:
        token_ids: ``[B, T]`` int64; runs shorter than ``T`` have their padding in front.
        positions: ``[B, T]`` int64; padding has the scratch column.
        source_lengths: ``[B]`` int64.
        slots: ``[B]`` int64.
        run: the slots whose rows attention reads.
        rows: the indices of this pass's rows among them. None if they are all of them, in order.
        reach: how many columns attention reads.
        dtype: the cache's dtype.

    Attributes:
        source_seen: ``[B, 1, 1, reach.source]``, False after a row's source.
    """

    def __init__(
        self,
        token_ids: Tensor,
        positions: Tensor,
        source_lengths: Tensor,
        slots: Tensor,
        run: slice | Tensor,
        rows: Tensor | None,
        reach: GraphBucket,
        dtype: torch.dtype,
    ) -> None:
        self.token_ids, self.positions = token_ids, positions
        self.slots = slots
        self._run, self._rows, self._reach = run, rows, reach
        self.source_seen = length_mask(source_lengths, reach.source)[:, None, None, :]
        # a token sees itself and all before it; padding sees everything, and nothing reads its result
        seen = length_mask(self.positions + 1, reach.tokens)
        self._bias = self._spread(key_bias(seen, dtype))[:, None]
        self._source_bias = self._spread(key_bias(self.source_seen[:, 0], dtype))[:, None]

    @classmethod
    def fitting(cls, cache: DecoderCache, runs: Runs) -> AttentionMetadata:
        """The metadata of ``runs``, with the smallest ``reach`` that holds them."""
        size, lengths = runs.longest, cache.lengths(runs.slots)
        packed: list[list[int]] = []
        for slot, start, length, token_ids in zip(
            runs.slots, runs.starts, lengths, runs.token_ids, strict=True
        ):
            padding = size - len(token_ids)
            positions = [cache.scratch_column] * padding + list(range(start, start + len(token_ids)))
            packed.append([slot, length, *positions, *[0] * padding, *token_ids])
        inputs = to_device(packed, cache.states.device)
        slots = inputs[:, 0]
        first, end = min(runs.slots), max(runs.slots) + 1
        run: slice | Tensor = slots
        rows: Tensor | None = None
        if len(runs.slots) >= _DENSE * (end - first):
            run = slice(first, end)
            if list(runs.slots) != list(range(first, end)):
                rows = slots - first
        reach = GraphBucket(max(runs.ends()), max(lengths))
        return cls(
            inputs[:, 2 + size :],
            inputs[:, 2 : 2 + size],
            inputs[:, 1],
            slots,
            run,
            rows,
            reach,
            cache.states.dtype,
        )

    @classmethod
    def fixed(cls, cache: DecoderCache, inputs: Tensor, reach: GraphBucket) -> AttentionMetadata:
        """One token for each of the first ``B`` slots. Only the content of ``inputs`` varies, not the shapes.

        ``inputs``: ``[3, B]`` int64 on the cache's device: token ids, positions, lengths of the sources.
        """
        count = inputs.shape[1]
        token_ids, positions, lengths = inputs
        slots = torch.arange(count, device=inputs.device)
        dtype = cache.states.dtype
        return cls(
            token_ids[:, None], positions[:, None], lengths, slots, slice(0, count), None, reach, dtype
        )

    def _spread(self, rows: Tensor) -> Tensor:
        """Moves each row of this pass to its index in ``run``. The other rows are zero."""
        if self._rows is None:
            return rows
        assert isinstance(self._run, slice)
        run = rows.new_zeros(self._run.stop - self._run.start, *rows.shape[1:])
        return run.index_copy_(0, self._rows, rows)

    def write(self, cache: LayerCache, keys_values: Tensor) -> None:
        """Stores keys and values of the tokens fed, ``[B, T, 2, heads, head_dim]``."""
        cache.self_rows[self.slots[:, None], :, :, self.positions] = keys_values

    def attend_tokens(self, cache: LayerCache, query: Tensor) -> Tensor:
        """Attention of ``query`` (``[B, T, heads, head_dim]``) to the tokens fed, ``[B, T, hidden]``."""
        rows = cache.self_rows[self._run, :, :, : self._reach.tokens]
        return self._attend(query, rows, self._bias)

    def attend_source(self, cache: LayerCache, query: Tensor) -> Tensor:
        """Attention of ``query`` (``[B, T, heads, head_dim]``) to the source, ``[B, T, hidden]``."""
        rows = cache.cross_rows[self._run, :, :, : self._reach.source]
        return self._attend(query, rows, self._source_bias)

    def source(self, cache: LayerCache) -> tuple[Tensor, Tensor]:
        """Keys and values of the sources, each ``[B, heads, columns, head_dim]``."""
        rows = cache.cross_rows[self._run, :, :, : self._reach.source]
        keys, values = (rows if self._rows is None else rows[self._rows]).unbind(1)
        return keys, values

    def _attend(self, query: Tensor, rows: Tensor, bias: Tensor) -> Tensor:
        keys, values = rows.unbind(1)
        spread = self._spread(query).transpose(1, 2)
        mixed = F.scaled_dot_product_attention(spread, keys, values, attn_mask=bias)
        mixed = mixed.transpose(1, 2).flatten(2)
        return mixed if self._rows is None else mixed[self._rows]
