"""The differentiable forward passes of stage 1, over transformers' own modules.

transformers gathers a (length, length, head size) tensor of distance embeddings for every relative-key
attention. Here the queries are multiplied by the embedding of every distance that occurs, and the products,
(length, 2 * length - 1), are read along their diagonals by strides: the same scores, no gathering.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import SeamlessM4Tv2Model
from transformers.models.seamless_m4t_v2 import modeling_seamless_m4t_v2 as modeling


@dataclass(frozen=True, slots=True)
class EncodedSpeech:
    """`frames`: (batch, stacked frames, hidden) at 50 Hz, before the adapter.

    `states`: (batch, frames, hidden), one every 160 ms; `mask` (batch, frames) is 1 where a state is real.
    """

    frames: Tensor
    states: Tensor
    mask: Tensor


def encode_speech(model: SeamlessM4Tv2Model, features: Tensor, frame_counts: Tensor) -> EncodedSpeech:
    """`features`: (batch, stacked frames, 160), zero after `frame_counts` (batch,)."""
    encoder = model.speech_encoder
    positions = torch.arange(features.shape[1], device=features.device)
    mask = (positions[None] < frame_counts[:, None]).long()
    hidden = encoder.encoder(encoder.feature_projection(features), attention_mask=mask)
    frames = hidden + 0.5 * encoder.intermediate_ffn(hidden)
    states = encoder.inner_layer_norm(encoder.adapter(frames, attention_mask=mask))
    state_counts = frame_counts // model.config.adaptor_stride + 1
    return EncodedSpeech(frames, states, (positions[None, : states.shape[1]] < state_counts[:, None]).long())


def use_fast_conformer() -> None:
    """Replaces the conformer's attention and convolution by equal, faster ones in this process."""
    modeling.SeamlessM4Tv2ConformerSelfAttention.forward = _relative_attention
    modeling.SeamlessM4Tv2ConformerConvolutionModule.forward = _convolution


class _Diagonals(torch.autograd.Function):
    """(rows, length, 2 * length - 1) products by distance to (rows, length, length) by position."""

    @staticmethod
    def forward(ctx: Any, products: Tensor) -> Tensor:
        return _diagonal_view(products)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        rows, length, _ = gradient.shape
        products = gradient.new_zeros(rows, length, 2 * length - 1)
        _diagonal_view(products).copy_(gradient)
        return products


def _diagonal_view(products: Tensor) -> Tensor:
    """Element [row, i, j] is `products`' [row, i, length - 1 + j - i]."""
    rows, length, distances = products.shape
    strides = (length * distances, distances - 1, 1)
    return products.as_strided((rows, length, length), strides, length - 1)


def _relative_attention(
    self: Any, hidden_states: Tensor, attention_mask: Tensor | None = None, **_: object
) -> tuple[Tensor, None]:
    batch, length, _hidden = hidden_states.shape
    rows = batch * self.num_heads

    def heads(projection: nn.Linear, scaling: float = 1.0) -> Tensor:
        projected: Tensor = projection(hidden_states)
        if scaling != 1.0:
            projected = projected * scaling
        projected = projected.view(batch, length, self.num_heads, self.head_size)
        return projected.transpose(1, 2).reshape(rows, length, self.head_size)

    query, key, value = heads(self.linear_q, self.scaling), heads(self.linear_k), heads(self.linear_v)
    if self.position_embeddings_type == "relative_key":
        left, right = self.left_max_position_embeddings, self.right_max_position_embeddings
        distances = torch.arange(1 - length, length, device=hidden_states.device).clamp(-left, right) + left
        embeddings = self.distance_embedding(distances).to(query.dtype)
        by_position = _Diagonals.apply(query @ embeddings.T)  # type: ignore[no-untyped-call]
        scores = torch.baddbmm(by_position, query, key.transpose(1, 2))
    else:
        scores = query @ key.transpose(1, 2)
    if attention_mask is not None:
        hidden_keys = ~attention_mask if attention_mask.dtype == torch.bool else attention_mask < 0
        scores = scores.view(batch, self.num_heads, length, length)
        scores = scores.masked_fill(hidden_keys, torch.finfo(scores.dtype).min).view(rows, length, length)
    # The dtype of the scores, not autocast's float32: half the memory traffic, and summed in float32 inside.
    with torch.autocast(hidden_states.device.type, enabled=False):
        weights = scores.softmax(-1)
    output = (weights @ value).view(batch, self.num_heads, length, self.head_size)
    return self.linear_out(output.transpose(1, 2).reshape(batch, length, -1)), None


def _convolution(self: Any, hidden_states: Tensor, attention_mask: Tensor | None = None) -> Tensor:
    """Pointwise convolutions as matrix products, which spares the transposes."""
    hidden = self.layer_norm(hidden_states)
    if attention_mask is not None:
        hidden = hidden.masked_fill(~attention_mask.bool().unsqueeze(-1), 0.0)
    hidden = nn.functional.glu(nn.functional.linear(hidden, self.pointwise_conv1.weight.squeeze(-1)), dim=-1)
    padded = nn.functional.pad(hidden.transpose(1, 2), (self.depthwise_conv.kernel_size[0] - 1, 0))
    hidden = self.activation(self.depthwise_layer_norm(self.depthwise_conv(padded).transpose(1, 2)))
    return nn.functional.linear(hidden, self.pointwise_conv2.weight.squeeze(-1))


def pad_states(parts: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """Stacks (states, mask) of several encoders along the batch, padded to the longest."""
    longest = max(states.shape[1] for states, _ in parts)
    states = [nn.functional.pad(part, (0, 0, 0, longest - part.shape[1])) for part, _ in parts]
    masks = [nn.functional.pad(mask, (0, longest - mask.shape[1])) for _, mask in parts]
    return torch.cat(states), torch.cat(masks)


def decode(model: SeamlessM4Tv2Model, input_ids: Tensor, states: Tensor, mask: Tensor) -> Tensor:
    """Teacher-forced logits (batch, tokens, vocabulary) for decoder inputs [</s>, language, tokens...]."""
    hidden = model.text_decoder(
        input_ids=input_ids, encoder_hidden_states=states, encoder_attention_mask=mask, use_cache=False
    ).last_hidden_state
    return model.lm_head(hidden)  # type: ignore[no-any-return]
