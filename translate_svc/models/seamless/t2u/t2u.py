"""Text-to-unit: UnitY2's non-autoregressive decoder, from hidden states of text to acoustic units.

It equals ``SeamlessM4Tv2TextToUnitForConditionalGeneration`` on a single text numerically. In a ragged batch,
each text gets the same result as alone.
"""

# mypy: disable-error-code="no-any-return"
# (calling an nn.Module returns Any)

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from translate_svc.models.layers.convolution import Convolution
from translate_svc.models.layers.transformer import (
    MultiHeadAttention,
    PlainLinear,
    TransformerEncoder,
    key_bias,
    length_mask,
    sinusoidal_positions,
    upsample,
)
from translate_svc.models.linear.embedding import Embedding
from translate_svc.models.linear.packed_linear import PackedLinear
from translate_svc.models.linear.products import ACTIVATIONS
from translate_svc.models.seamless.config import ModelConfig

_CONV_KERNEL = 7


@dataclass(frozen=True, slots=True, eq=False)
class TextBatch:
    """Texts to speak, right-padded. Every text has at least one character.

    Attributes:
        states: ``[B, S, hidden]``, the text decoder's last hidden states of ``</s>``, language, tokens.
        lengths: ``[B]``, number of valid states.
        character_ids: ``[B, C]``.
        counts: ``[B, S]``, characters per state, zero after a row's length.
        duration_factors: ``[B]`` float, by which the predicted durations are multiplied.
        padded: False if every row fills ``S`` and ``C``. Nothing is masked then.
    """

    states: Tensor
    lengths: Tensor
    character_ids: Tensor
    counts: Tensor
    duration_factors: Tensor
    padded: bool


@dataclass(frozen=True, slots=True, eq=False)
class CharacterBatch:
    """The result of the first half of the model, which the second half takes.

    Attributes:
        states: ``[B, C, hidden]``, one per character.
        durations: ``[B, C]`` int64, units per character, zero after a row's length.
        finite: ``[B]`` bool, False if a row's prediction is NaN or infinite.
    """

    states: Tensor
    durations: Tensor
    finite: Tensor

    def packed(self) -> Tensor:
        """``finite`` and ``durations``, ``[B, 1 + C]`` int64, so that one copy to the host replaces two."""
        return torch.cat([self.finite[:, None].long(), self.durations], dim=1)


@dataclass(frozen=True, slots=True, eq=False)
class UnitBatch:
    """Vocoder units ``[B, L]``, and whether a row is finite ``[B]``."""

    units: Tensor
    finite: Tensor

    def packed(self) -> Tensor:
        """``finite`` and ``units``, ``[B, 1 + L]`` int64."""
        return torch.cat([self.finite[:, None].long(), self.units], dim=1)


class DurationPredictor(nn.Module):
    """FastSpeech 2's variance predictor (``SeamlessM4Tv2VariancePredictor``): log(1 + duration)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        hidden = config.t2u_variance_predictor_hidden_dim
        kernel = config.t2u_variance_predictor_kernel_size
        self.conv1 = Convolution(config.t2u_variance_predictor_embed_dim, hidden, kernel)
        self.ln1 = nn.LayerNorm(hidden)
        self.conv2 = Convolution(hidden, hidden, kernel)
        self.ln2 = nn.LayerNorm(hidden)
        self.proj = PlainLinear(hidden, 1)

    def forward(self, states: Tensor, padding: Tensor | None) -> Tensor:
        """``[B, C, size]`` -> ``[B, C]``. ``padding``: ``[B, C, 1]``, True after a row's length; or None."""
        for conv, norm in ((self.conv1, self.ln1), (self.conv2, self.ln2)):
            states = norm(F.relu(conv.over_time(_silenced(states, padding))))
        return self.proj(states).squeeze(2)


def _silenced(states: Tensor, padding: Tensor | None) -> Tensor:
    """Zeroes the states after each row's length, so that convolutions do not read padding."""
    return states if padding is None else states.masked_fill(padding, 0.0)


class UnitDecoderLayer(nn.Module):
    """Post-norm attention and two convolutions (``SeamlessM4Tv2TextToUnitDecoderLayer``)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.self_attn = MultiHeadAttention(size, config.t2u_decoder_attention_heads)
        self.self_attn_layer_norm = nn.LayerNorm(size)
        self.conv1 = Convolution(size, size, _CONV_KERNEL)
        self.conv2 = Convolution(size, size, _CONV_KERNEL)
        self.conv_layer_norm = nn.LayerNorm(size)
        self.act = ACTIVATIONS[config.activation_function]

    def forward(self, states: Tensor, padding: Tensor | None, bias: Tensor | None) -> Tensor:
        """``[B, L, hidden]``. ``padding`` (``[B, L, 1]``) and ``bias`` are None if nothing is padded."""
        states = self.self_attn_layer_norm(states + self.self_attn(states, bias))
        mixed = self.act(self.conv1.over_time(_silenced(states, padding)))
        return self.conv_layer_norm(states + self.conv2.over_time(_silenced(mixed, padding)))


class UnitDecoder(nn.Module):
    """From characters to durations, and from durations to hidden states of units."""

    positions: Tensor

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.embed_scale = math.sqrt(size) if config.scale_embedding else 1.0
        self.embed_tokens = Embedding(config.t2u_vocab_size, size)
        self.embed_char = Embedding(config.char_vocab_size, size)
        self.pos_emb_alpha_char = nn.Parameter(torch.ones(1))
        self.pos_emb_alpha = nn.Parameter(torch.ones(1))
        self.duration_predictor = DurationPredictor(config)
        self.layers = nn.ModuleList(UnitDecoderLayer(config) for _ in range(config.t2u_decoder_layers))
        self.layer_norm = nn.LayerNorm(size)
        table = sinusoidal_positions(config.t2u_max_position_embeddings, size, config.t2u_pad_token_id)
        self.register_buffer("positions", table, persistent=False)

    def characters(self, encoded: Tensor, batch: TextBatch) -> CharacterBatch:
        """One state and one duration for each character."""
        size = batch.character_ids.shape[1]
        states, lengths = upsample(encoded, batch.counts, size)
        states = (
            self.embed_char(batch.character_ids) * self.embed_scale
            + self.pos_emb_alpha_char * self.positions[:size]
            + states
        )
        valid = length_mask(lengths, size)
        padding = ~valid[:, :, None] if batch.padded else None
        predicted = torch.expm1(self.duration_predictor(states, padding).float())
        finite = torch.isfinite(predicted).logical_or(~valid).all(dim=1)
        durations = (predicted * batch.duration_factors[:, None]).nan_to_num().clamp(1, 2**31).round().long()
        return CharacterBatch(states, durations.masked_fill(~valid, 0), finite)

    def forward(self, states: Tensor, durations: Tensor, size: int, *, padded: bool) -> tuple[Tensor, Tensor]:
        """Last hidden states ``[B, size, hidden]`` of the units, and the number of units of each row."""
        states, lengths = upsample(states, durations, size)
        states = states + self.pos_emb_alpha * self.positions[:size]
        padding = bias = None
        if padded:
            valid = length_mask(lengths, size)
            padding, bias = ~valid[:, :, None], key_bias(valid, states.dtype)[:, None, None, :]
        for layer in self.layers:
            states = layer(states, padding, bias)
        return self.layer_norm(states), lengths


class TextToUnitStack(nn.Module):
    """Encoder and decoder, nested and named as in the checkpoint."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.encoder = TransformerEncoder(
            config.t2u_encoder_layers,
            config.hidden_size,
            config.t2u_encoder_attention_heads,
            config.t2u_encoder_ffn_dim,
            config.activation_function,
        )
        self.decoder = UnitDecoder(config)


class TextToUnit(nn.Module):
    """Hidden states and characters in, vocoder units out.

    Parameter prefix ``t2u_model.``; the output matrix is tied.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.model = TextToUnitStack(config)

    def prepare(self) -> None:
        """Packs the output matrix: only the rows that stand for a unit."""
        first = self.config.vocoder_offset
        matrix = self.model.decoder.embed_tokens.weight
        units = matrix[first : first + self.config.unit_hifi_gan_vocab_size]
        self.unit_scores = PackedLinear(nn.Embedding.from_pretrained(units))  # type: ignore[no-untyped-call]

    def lower_convolutions(self, dtype: torch.dtype) -> None:
        """Lets the unit decoder's convolutions compute in ``dtype``. Those that predict durations stay."""
        for layer in self.model.decoder.layers:
            assert isinstance(layer, UnitDecoderLayer)
            layer.conv1.to(dtype)
            layer.conv2.to(dtype)

    @property
    def max_units(self) -> int:
        """The most units, and the most characters, of one text: the length of the position table."""
        return self.config.t2u_max_position_embeddings

    def characters(self, batch: TextBatch) -> CharacterBatch:
        """First half: predicts how long each character sounds.

        Duration = round(predicted x factor), at least one unit, as in Meta's ``VarianceAdaptor``
        (transformers has no factor). A row's total must not exceed ``max_units`` when it is passed to
        ``units``.
        """
        valid = length_mask(batch.lengths, batch.states.shape[1]) if batch.padded else None
        return self.model.decoder.characters(self.model.encoder(batch.states, valid), batch)

    def units(self, states: Tensor, durations: Tensor, size: int, *, padded: bool) -> UnitBatch:
        """Second half: the most probable unit of each 20 ms.

        Only ids that stand for a unit can be chosen. Control symbols and the language ids after the units
        have no sound, and transformers would pass them to the vocoder as wrong or impossible units.

        Args:
            states: ``[B, C, hidden]``, from the first half.
            durations: ``[B, C]`` int64, from the first half.
            size: at least the largest sum of a row's durations.
            padded: False if all rows have ``size`` units.
        """
        states, lengths = self.model.decoder(states, durations, size, padded=padded)
        logits = self.unit_scores(states)
        finite = torch.isfinite(logits).all(dim=2) | ~length_mask(lengths, size)
        return UnitBatch(logits.argmax(dim=2), finite.all(dim=1))
