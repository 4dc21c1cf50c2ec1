"""Parts that several stages share: attention, positions, masks, activations.

Modules name their parameters as the checkpoint does, so that a stage's ``state_dict`` keys, with a prefix,
are the checkpoint's.
"""

# mypy: disable-error-code="no-any-return"
# (calling an nn.Module gives Any)

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate_svc.models import staging
from translate_svc.models.linear.packed_linear import PackedLinear


class PlainLinear(nn.Linear):
    """``nn.Linear`` for a small matrix, which is neither packed nor quantized."""


def to_device(values: Sequence[int] | Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """Like ``torch.tensor(values, device=device)`` in int64, but does not wait for the device."""
    return staging.to_device(torch.tensor(values, dtype=torch.int64), device)


def length_mask(lengths: Tensor, size: int) -> Tensor:
    """True at the first ``lengths[b]`` of ``size`` places; shape ``[B, size]``, or ``[..., size]``."""
    return torch.arange(size, device=lengths.device) < lengths[..., None]


def sinusoidal_positions(positions: int, dim: int, padding_idx: int) -> Tensor:
    """Position vectors as in tensor2tensor and fairseq. Row ``p`` belongs to position ``p``.

    fairseq counts from ``padding_idx + 1``, so the first rows of its table are skipped here. The table is
    float32 on the CPU, even under a meta-device context, because no checkpoint stores it. Shape
    ``[positions, dim]``.
    """
    cpu = torch.device("cpu")
    half = dim // 2
    rates = torch.exp(torch.arange(half, dtype=torch.float32, device=cpu) * -(math.log(10_000) / (half - 1)))
    first = padding_idx + 1
    places = torch.arange(first, first + positions, dtype=torch.float32, device=cpu)
    angles = places[:, None] * rates[None, :]
    table = torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)
    return F.pad(table, (0, dim - 2 * half))


def upsample(states: Tensor, counts: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Repeats ``states[b, i]`` ``counts[b, i]`` times and right-pads each row with zeros to ``size`` places.

    This is the hard upsampling of UnitY2, for a whole ragged batch in one call.

    Args:
        states: ``[B, S, D]``.
        counts: ``[B, S]`` int64, zero at places that are not repeated.
        size: the greatest length, or more. It is an argument because reading it from the device would wait
            for the device.

    Returns:
        ``[B, size, D]`` and the lengths ``[B]``.
    """
    ends = counts.cumsum(dim=1)
    lengths = ends[:, -1]
    places = torch.arange(size, device=states.device).expand(states.shape[0], size).contiguous()
    source = torch.searchsorted(ends, places, right=True).clamp(max=states.shape[1] - 1)
    repeated = states.gather(1, source[:, :, None].expand(-1, -1, states.shape[2]))
    return repeated.masked_fill(~length_mask(lengths, size)[:, :, None], 0.0), lengths


@dataclass(frozen=True, slots=True, eq=False)
class EncodedSource:
    """The states of a batch of sources. A text decoder may attend to ``states[b, :lengths[b]]``.

    Attributes:
        states: ``[B, S, hidden]``, on the device.
        lengths: by row, the number of states without padding.
    """

    states: Tensor
    lengths: Sequence[int]


def key_bias(valid: Tensor, dtype: torch.dtype) -> Tensor:
    """The bias that attention adds to its scores: 0 where ``valid`` is True, minus infinity elsewhere."""
    return torch.zeros(valid.shape, dtype=dtype, device=valid.device).masked_fill_(~valid, float("-inf"))


class MultiHeadAttention(nn.Module):
    """Scaled dot-product attention (``SeamlessM4Tv2Attention``, ``WhisperAttention``).

    ``biased_keys``: whether the product of keys has biases.
    """

    def __init__(self, hidden_size: int, heads: int, *, biased_keys: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.head_dim = hidden_size // heads
        self.q_proj = nn.Linear(hidden_size, hidden_size)
        self.k_proj = nn.Linear(hidden_size, hidden_size, bias=biased_keys)
        self.v_proj = nn.Linear(hidden_size, hidden_size)
        self.out_proj = nn.Linear(hidden_size, hidden_size)

    def prepare(self) -> None:
        """Makes one product for queries, keys and values."""
        self.qkv = PackedLinear(self.q_proj, self.k_proj, self.v_proj)
        self.out = PackedLinear(self.out_proj)

    def attend(self, query: Tensor, key: Tensor, value: Tensor, bias: Tensor | None) -> Tensor:
        """Attention of split heads, ``[B, heads, T, head_dim]``. Adds ``bias`` to the scores. Returns
        ``[B, T, hidden]``.
        """
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        return self.out(mixed.transpose(1, 2).flatten(2))

    def forward(self, states: Tensor, bias: Tensor | None) -> Tensor:
        """Self-attention of ``[B, T, hidden]``. ``bias`` is a ``key_bias`` that broadcasts to the scores."""
        split = self.qkv(states).view(*states.shape[:2], 3, self.heads, self.head_dim)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        return self.attend(query, key, value, bias)


class FeedForward(nn.Module):
    """``fc2(act(fc1(x)))`` (``SeamlessM4Tv2FeedForwardNetwork``)."""

    def __init__(self, hidden_size: int, ffn_dim: int, act: str) -> None:
        super().__init__()
        self.fc1 = nn.Linear(hidden_size, ffn_dim)
        self.fc2 = nn.Linear(ffn_dim, hidden_size)
        self.act = act

    def prepare(self) -> None:
        """Makes two products; the first one includes the activation."""
        self.inner = PackedLinear(self.fc1, activation=self.act)
        self.outer = PackedLinear(self.fc2)

    def forward(self, states: Tensor) -> Tensor:
        """``[..., hidden]`` -> the same shape."""
        return self.outer(self.inner(states))


class TransformerEncoderLayer(nn.Module):
    """Pre-norm self-attention and feed-forward (``SeamlessM4Tv2EncoderLayer``, ``WhisperEncoderLayer``)."""

    def __init__(
        self, hidden_size: int, heads: int, ffn_dim: int, act: str, *, biased_keys: bool = True
    ) -> None:
        super().__init__()
        self.self_attn = MultiHeadAttention(hidden_size, heads, biased_keys=biased_keys)
        self.self_attn_layer_norm = nn.LayerNorm(hidden_size)
        self.ffn = FeedForward(hidden_size, ffn_dim, act)
        self.ffn_layer_norm = nn.LayerNorm(hidden_size)

    def forward(self, states: Tensor, bias: Tensor | None) -> Tensor:
        """``[B, T, hidden]`` -> the same shape. ``bias``: a ``key_bias``, or None if nothing is padded."""
        states = states + self.self_attn(self.self_attn_layer_norm(states), bias)
        return states + self.ffn(self.ffn_layer_norm(states))


class TransformerEncoder(nn.Module):
    """A stack of layers and its final norm (``SeamlessM4Tv2Encoder`` without its embedding)."""

    def __init__(
        self,
        layers: int,
        hidden_size: int,
        heads: int,
        ffn_dim: int,
        act: str,
        *,
        biased_keys: bool = True,
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TransformerEncoderLayer(hidden_size, heads, ffn_dim, act, biased_keys=biased_keys)
            for _ in range(layers)
        )
        self.layer_norm = nn.LayerNorm(hidden_size)

    def forward(self, states: Tensor, valid: Tensor | None) -> Tensor:
        """Encodes ``[B, T, hidden]``. ``valid`` (``[B, T]``) is False at padding, which is masked in
        attention. None if there is no padding.
        """
        bias = None if valid is None else key_bias(valid, states.dtype)[:, None, None, :]
        for layer in self.layers:
            states = layer(states, bias)
        return self.layer_norm(states)
