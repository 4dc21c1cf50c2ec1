"""The architecture of a SeamlessM4T v2 checkpoint, read from its ``config.json``.

Reads only what inference needs, and ignores the fields for dropout, initialisation and training. A field that
the file does not name has the value of the published ``facebook/seamless-m4t-v2-large``, as in transformers'
``SeamlessM4Tv2Config``: published files leave defaults out.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translate_svc.errors import CheckpointError
from translate_svc.models.decoder.decoder_shape import ACTIVATIONS
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, SAMPLES_PER_UNIT

MODEL_TYPE = "seamless_m4t_v2"
MEL_HOP_MS = 10
MEL_STACK = 2
"""Mel frames stacked into one frame of the speech encoder (20 ms)."""

_SIGNED = frozenset({"speech_encoder_left_chunk_num"})
_NULLABLE = frozenset({"speech_encoder_chunk_size", "position_embeddings_type"})


@dataclass(frozen=True, slots=True)
class ModelConfig:
    """Sizes and ids. The names are those of ``config.json``, including its spelling ``adaptor``."""

    vocab_size: int = 256_102
    hidden_size: int = 1024
    layer_norm_eps: float = 1e-5
    max_position_embeddings: int = 4096
    activation_function: str = "relu"
    scale_embedding: bool = True
    tie_word_embeddings: bool = True
    pad_token_id: int = 0
    bos_token_id: int = 2
    eos_token_id: int = 3
    decoder_start_token_id: int = 3

    speech_encoder_layers: int = 24
    speech_encoder_attention_heads: int = 16
    speech_encoder_intermediate_size: int = 4096
    speech_encoder_hidden_act: str = "swish"
    speech_encoder_chunk_size: int | None = 20_000
    speech_encoder_left_chunk_num: int = 128
    feature_projection_input_dim: int = 160
    position_embeddings_type: str | None = "relative_key"
    left_max_position_embeddings: int = 64
    right_max_position_embeddings: int = 8
    conv_depthwise_kernel_size: int = 31
    add_adapter: bool = True
    num_adapter_layers: int = 1
    adaptor_kernel_size: int = 8
    adaptor_stride: int = 8

    encoder_layers: int = 24
    encoder_ffn_dim: int = 8192
    encoder_attention_heads: int = 16

    decoder_layers: int = 24
    decoder_ffn_dim: int = 8192
    decoder_attention_heads: int = 16

    t2u_vocab_size: int = 10_082
    char_vocab_size: int = 10_943
    t2u_pad_token_id: int = 1
    t2u_encoder_layers: int = 6
    t2u_encoder_ffn_dim: int = 8192
    t2u_encoder_attention_heads: int = 16
    t2u_decoder_layers: int = 6
    t2u_decoder_attention_heads: int = 16
    t2u_max_position_embeddings: int = 4096
    t2u_variance_predictor_embed_dim: int = 1024
    t2u_variance_predictor_hidden_dim: int = 256
    t2u_variance_predictor_kernel_size: int = 3

    sampling_rate: int = 16_000
    vocoder_offset: int = 4
    unit_hifi_gan_vocab_size: int = 10_000
    unit_embed_dim: int = 1280
    lang_embed_dim: int = 256
    spkr_embed_dim: int = 256
    vocoder_num_langs: int = 36
    vocoder_num_spkrs: int = 200
    upsample_initial_channel: int = 512
    upsample_rates: tuple[int, ...] = (5, 4, 4, 2, 2)
    upsample_kernel_sizes: tuple[int, ...] = (11, 8, 8, 4, 4)
    resblock_kernel_sizes: tuple[int, ...] = (3, 7, 11)
    resblock_dilation_sizes: tuple[tuple[int, ...], ...] = ((1, 3, 5), (1, 3, 5), (1, 3, 5))
    leaky_relu_slope: float = 0.1

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, path: Path) -> ModelConfig:
        """Reads the parsed ``config.json`` at ``path``.

        Raises:
            CheckpointError: the file belongs to another model, a value has the wrong type, or this
                implementation does not compute the architecture.
        """
        field = path.name
        if values.get("model_type") != MODEL_TYPE:
            found = values.get("model_type")
            raise CheckpointError(f"model_type is {found!r}, expected {MODEL_TYPE!r}", field=field)
        read = {
            f.name: _convert(values[f.name], f.default, f.name, field)
            for f in dataclasses.fields(cls)
            if f.name in values
        }
        config = cls(**read)
        problem = config.problem()
        if problem is not None:
            raise CheckpointError(problem, field=field)
        return config

    def problem(self) -> str | None:
        """The part of the architecture that this implementation cannot compute, or None."""
        heads = {
            "speech_encoder_attention_heads": self.speech_encoder_attention_heads,
            "encoder_attention_heads": self.encoder_attention_heads,
            "decoder_attention_heads": self.decoder_attention_heads,
            "t2u_encoder_attention_heads": self.t2u_encoder_attention_heads,
            "t2u_decoder_attention_heads": self.t2u_decoder_attention_heads,
        }
        for name, count in heads.items():
            if count < 1 or self.hidden_size % count:
                return f"hidden_size {self.hidden_size} is not a multiple of {name} {count}"
        for name in ("activation_function", "speech_encoder_hidden_act"):
            if getattr(self, name) not in ACTIVATIONS:
                return f"{name} {getattr(self, name)!r} is not one of {', '.join(ACTIVATIONS)}"
        if self.position_embeddings_type not in ("relative_key", None):
            return f"position_embeddings_type {self.position_embeddings_type!r} is not known"
        if not self.add_adapter or self.num_adapter_layers < 1:
            return "add_adapter is false: the text decoder was trained on adapter frames"
        if not self.tie_word_embeddings:
            return "tie_word_embeddings is false"
        if self.sampling_rate != INTERNAL_SAMPLE_RATE_HZ:
            return f"sampling_rate is {self.sampling_rate}, expected {INTERNAL_SAMPLE_RATE_HZ}"
        return self._vocoder_problem()

    def _vocoder_problem(self) -> str | None:
        if len(self.upsample_rates) != len(self.upsample_kernel_sizes):
            return "upsample_rates and upsample_kernel_sizes differ in length"
        if math.prod(self.upsample_rates) != SAMPLES_PER_UNIT:
            return f"upsample_rates multiply to {math.prod(self.upsample_rates)}, expected {SAMPLES_PER_UNIT}"
        pairs = zip(self.upsample_rates, self.upsample_kernel_sizes, strict=True)
        if any(kernel < rate or (kernel - rate) % 2 for rate, kernel in pairs):
            return "an upsample_kernel_size minus its rate must be even and not negative"
        if len(self.resblock_kernel_sizes) != len(self.resblock_dilation_sizes):
            return "resblock_kernel_sizes and resblock_dilation_sizes differ in length"
        if any(kernel % 2 == 0 for kernel in self.resblock_kernel_sizes):
            return "resblock_kernel_sizes must be odd"
        if self.vocoder_offset + self.unit_hifi_gan_vocab_size > self.t2u_vocab_size:
            return "t2u_vocab_size is smaller than vocoder_offset + unit_hifi_gan_vocab_size"
        return None

    @property
    def encoder_frame_ms(self) -> int:
        """Duration of one frame of the speech encoder's output (160 ms in the published model)."""
        stride: int = self.adaptor_stride**self.num_adapter_layers
        return MEL_HOP_MS * MEL_STACK * stride


def _convert(value: Any, default: Any, name: str, field: str) -> Any:
    """Converts ``value``, as JSON gave it, to the type of ``default``."""
    if value is None and name in _NULLABLE:
        return None
    if isinstance(default, float) and type(value) is int:
        return float(value)
    value = _tuples(value)
    if not _alike(value, default) or (type(value) is int and value < 0 and name not in _SIGNED):
        raise CheckpointError(f"{name} has the value {value!r}, which is not of its type", field=field)
    return value


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _alike(value: Any, sample: Any) -> bool:
    """Same type, element by element."""
    if type(value) is not type(sample):
        return False
    return not isinstance(value, tuple) or all(_alike(item, sample[0]) for item in value)
