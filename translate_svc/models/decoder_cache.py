"""What the text decoder keeps of its sequences, and how the rows of one step are found in it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from translate_svc.models.config import ModelConfig
from translate_svc.models.layers import key_bias, length_mask


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


class Places:
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
