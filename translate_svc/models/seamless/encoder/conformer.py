"""The conformer stack of the speech encoder: w2v-BERT 2.0, 24 layers in the published model."""

# mypy: disable-error-code="no-any-return"
# (calling an nn.Module gives Any)

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate_svc.models.layers.convolution import Convolution
from translate_svc.models.layers.depthwise import WAYS, Way, channels_last, fastest_way
from translate_svc.models.layers.transformer import key_bias
from translate_svc.models.linear.embedding import Embedding
from translate_svc.models.linear.packed_linear import PackedLinear
from translate_svc.models.linear.products import ACTIVATIONS
from translate_svc.models.seamless.config import ModelConfig
from translate_svc.models.slices import Slices, finish

QUERY_BLOCK = 64
"""Queries whose scores a CPU holds at once."""
_FRAME_BLOCK = 192
_ALIGNED = 8


def frame_by_frame(function: Callable[[Tensor], Tensor], states: Tensor) -> Slices[Tensor]:
    """Applies ``function`` to ``[B, T, ...]``; it must treat each frame alone.

    On a CPU each slice computes one block of frames.
    """
    size = states.shape[1]
    block = _FRAME_BLOCK if states.device.type == "cpu" else size
    parts = [function(states[:, :block])]
    for start in range(block, size, block):
        yield
        parts.append(function(states[:, start : start + block]))
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)


class ConformerFeedForward(nn.Module):
    """Two dense layers (``SeamlessM4Tv2ConformerFeedForward``). A macaron half has the scale 0.5."""

    def __init__(self, config: ModelConfig, act: str, *, scale: float = 0.5) -> None:
        super().__init__()
        self.intermediate_dense = nn.Linear(config.hidden_size, config.speech_encoder_intermediate_size)
        self.output_dense = nn.Linear(config.speech_encoder_intermediate_size, config.hidden_size)
        self.act = act
        self.scale = scale

    def prepare(self) -> None:
        """Makes two products. The second one's weights include the scale."""
        self.inner = PackedLinear(self.intermediate_dense, activation=self.act)
        self.outer = PackedLinear(self.output_dense, scale=self.scale)

    def forward(self, states: Tensor) -> Tensor:
        """``[B, T, hidden]`` -> the same shape."""
        return self.outer(self.inner(states))


class ConformerSelfAttention(nn.Module):
    """Self-attention. The conformer uses Shaw et al.'s relative keys, the adapter does not."""

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
        """Makes one product for queries, keys and values."""
        self.qkv = PackedLinear(self.linear_q, self.linear_k, self.linear_v)
        self.out = PackedLinear(self.linear_out)

    def slices(self, states: Tensor, bias: Tensor | None, places: Tensor | None = None) -> Slices[Tensor]:
        """Self-attention of ``[B, T, hidden]``.

        On a CPU it computes one block of queries at a time, so that the scores stay in its caches. An
        accelerator gathers the bias of relative keys, mask included, in one kernel.

        Args:
            states: of the frames.
            bias: a key bias of four dimensions that broadcasts to the scores ``[B, heads, T, T]``.
            places: from ``bias_places``, with what is masked: ``bias`` is None then. Relative keys need them
                on an accelerator.
        """
        size = states.shape[1]
        split = self.qkv(states).view(*states.shape[:2], 3, self.heads, self.head_dim)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        if places is not None:
            gathered = self._gathered_bias(query, places)
            attended = F.scaled_dot_product_attention(query, key, value, attn_mask=gathered)
            return self.out(attended.transpose(1, 2).flatten(2))
        block = QUERY_BLOCK if states.device.type == "cpu" else size
        mixed: list[Tensor] = []
        for start in range(0, size, block):
            yield
            rows = slice(start, start + block)
            scores = bias if bias is None or bias.shape[2] == 1 else bias[:, :, rows]
            if self.distance_embedding is not None:
                relative = self._relative_bias(query[:, :, rows], start, size)
                scores = relative if scores is None else relative.add_(scores)
            mixed.append(F.scaled_dot_product_attention(query[:, :, rows], key, value, attn_mask=scores))
        return self.out(torch.cat(mixed, dim=2).transpose(1, 2).flatten(2))

    def _relative_bias(self, query: Tensor, start: int, size: int) -> Tensor:
        """``query[t - start] . distances[clip(s - t)] / sqrt(head_dim)``, ``[B, heads, rows, size]``.

        Each row holds its values by distance, for all distances that occur in the block. Row ``t`` is read
        from ``-t`` on. The result is a view whose rows are one element shorter than the rows in memory: no
        accelerator can read it, for which rows must be aligned.
        """
        assert self.distance_embedding is not None
        batch, heads, rows, _ = query.shape
        by_distance = query @ (self.distance_embedding.weight * self.head_dim**-0.5).t()
        lowest, highest = 1 - start - rows, size - 1 - start
        nearest, last = max(lowest, -self.left) + self.left, min(highest, self.right) + self.left
        before, after = max(-self.left - lowest, 0), max(highest - self.right, 0)
        laid_out = torch.cat(
            [
                by_distance[..., :1].expand(-1, -1, -1, before),
                by_distance[..., nearest : last + 1],
                by_distance[..., -1:].expand(-1, -1, -1, after),
            ],
            dim=3,
        )
        row = size + rows - 1
        strides = (heads * rows * row, rows * row, row - 1, 1)
        return laid_out.as_strided((batch, heads, rows, size), strides, rows - 1)

    def bias_places(self, size: int, seen: Tensor | None, device: torch.device) -> Tensor | None:
        """Where ``_gathered_bias`` finds each score's bias: ``[B or 1, 1, T, T]`` int64, once for all layers.
        None on a CPU, and without relative keys.

        ``seen``: False where a score is masked; broadcasts to ``[B, 1, T, T]``. None masks nothing.
        """
        if device.type == "cpu" or self.distance_embedding is None:
            return None
        frames = torch.arange(size, device=device)
        distances = (frames[None, :] - frames[:, None]).clamp_(-self.left, self.right).add_(self.left)
        places = distances[None, None]
        return places if seen is None else torch.where(seen, places, self.left + self.right + 1)

    def _gathered_bias(self, query: Tensor, places: Tensor) -> Tensor:
        """``query[t] . distances[clip(s - t)] / sqrt(head_dim)``, ``[B, heads, T, T]``, or minus infinity."""
        assert self.distance_embedding is not None
        distances = self.distance_embedding.weight * self.head_dim**-0.5
        masked = len(distances)
        # a product of aligned rows is fast; the columns after the last distance are the masked ones
        by_distance = query @ F.pad(distances, (0, 0, 0, _ALIGNED - masked % _ALIGNED)).t()
        by_distance[..., masked:] = -torch.inf
        batch, heads, size, _ = query.shape
        return by_distance.gather(3, places.expand(batch, heads, size, size))


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
        self.depthwise: Way = channels_last
        self.depthwise_layer_norm = nn.LayerNorm(size)
        self.pointwise_conv2 = nn.Conv1d(size, size, 1, bias=False)
        self.act = ACTIVATIONS[config.speech_encoder_hidden_act]

    def prepare(self) -> None:
        """Turns the convolutions of width 1 into products."""
        self.widen = PackedLinear(self.pointwise_conv1)
        self.narrow = PackedLinear(self.pointwise_conv2)

    def slices(self, states: Tensor, padding: Tensor | None) -> Slices[Tensor]:
        """``padding`` (``[B, T, 1]``) is True after the end of a row, which must read as zero, or None."""
        states = self.layer_norm(states)
        if padding is not None:
            states = states.masked_fill(padding, 0.0)
        widened = yield from frame_by_frame(lambda frames: F.glu(self.widen(frames), dim=2), states)
        yield
        mixed = self.depthwise(self.depthwise_conv, widened)
        yield
        return self.narrow(self.act(self.depthwise_layer_norm(mixed)))


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

    def slices(
        self, states: Tensor, padding: Tensor | None, bias: Tensor | None, places: Tensor | None
    ) -> Slices[Tensor]:
        """``padding`` (``[B, T, 1]``) is True after the end of a row; ``bias`` or ``places`` mask the same in
        the scores, see ``ConformerSelfAttention.slices``. Each is None if it masks nothing.
        """
        states = yield from frame_by_frame(self._first_half, states)
        yield
        attended = yield from self.self_attn.slices(self.self_attn_layer_norm(states), bias, places)
        states = states + attended
        yield
        states = states + (yield from self.conv_module.slices(states, padding))
        yield
        states = yield from frame_by_frame(self._second_half, states)
        yield
        return states

    def _first_half(self, states: Tensor) -> Tensor:
        return states + self.ffn1(self.ffn1_layer_norm(states))

    def _second_half(self, states: Tensor) -> Tensor:
        return self.final_layer_norm(states + self.ffn2(self.ffn2_layer_norm(states)))


class ConformerEncoder(nn.Module):
    """The conformer stack and its final layer norm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(ConformerLayer(config) for _ in range(config.speech_encoder_layers))
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.chunk = config.speech_encoder_chunk_size
        self.left_chunks = config.speech_encoder_left_chunk_num

    def choose_convolution(self, frames: int, dtype: torch.dtype, device: torch.device) -> str:
        """Times the ways of the depthwise convolutions for ``frames``, and takes the fastest. Its name."""
        modules = [each for each in self.modules() if isinstance(each, ConformerConvolution)]
        conv = modules[0].depthwise_conv
        name = fastest_way(conv, torch.zeros(1, frames, conv.in_channels, dtype=dtype, device=device))
        for each in modules:
            each.depthwise = WAYS[name]
        return name

    def slices(self, states: Tensor, valid: Tensor | None) -> Slices[Tensor]:
        """``valid`` (``[B, T]``) is False at padding. None if there is no padding."""
        padding = mask = None
        if valid is not None:
            padding, mask = ~valid[:, :, None], valid[:, None, None, :]
            states = states.masked_fill(padding, 0.0)
        if self.chunk is not None and self.chunk < states.shape[1]:
            seen = self._chunk_mask(states.shape[1], self.chunk, states.device)[None, None]
            mask = seen if mask is None else mask & seen
        layers = cast("Sequence[ConformerLayer]", self.layers)
        places = layers[0].self_attn.bias_places(states.shape[1], mask, states.device)
        bias = None if mask is None or places is not None else key_bias(mask, states.dtype)
        for layer in layers:
            parts = layer.slices(states, padding, bias, places)
            if states.device.type == "cpu":
                states = yield from parts
            else:  # a part of a layer is nothing to an accelerator
                states = finish(parts)
                yield
        return self.layer_norm(states)

    def _chunk_mask(self, size: int, chunk: int, device: torch.device) -> Tensor:
        """A frame attends to its own chunk and to ``left_chunks`` chunks before it (all if negative)."""
        chunks = torch.arange(size, device=device) // chunk
        chunks_back = chunks[:, None] - chunks[None, :]
        seen = chunks_back >= 0
        return seen if self.left_chunks < 0 else seen & (chunks_back <= self.left_chunks)
