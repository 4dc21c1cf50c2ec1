"""The architecture of a Whisper checkpoint, read from its ``config.json``.

Reads only what inference needs. A field that the file does not name has transformers' default
(``WhisperConfig``), which is the size of ``openai/whisper-tiny``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from translate_svc.errors import CheckpointError
from translate_svc.models.decoder.decoder_shape import ACTIVATIONS

MODEL_TYPE = "whisper"
FRAMES_A_STATE = 2
"""Mel frames of 10 ms for each state of the encoder (the stride of its second convolution)."""
STATE_MS = 20


@dataclass(frozen=True, slots=True)
class WhisperConfig:
    """Sizes and ids. The names are those of ``config.json``."""

    vocab_size: int = 51_865
    num_mel_bins: int = 80
    d_model: int = 384
    encoder_layers: int = 4
    encoder_attention_heads: int = 6
    encoder_ffn_dim: int = 1536
    decoder_layers: int = 4
    decoder_attention_heads: int = 6
    decoder_ffn_dim: int = 1536
    activation_function: str = "gelu"
    scale_embedding: bool = False
    max_source_positions: int = 1500
    max_target_positions: int = 448

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], *, path: Path) -> WhisperConfig:
        """Reads the parsed ``config.json`` at ``path``.

        Raises:
            CheckpointError: the file belongs to another model, a value has the wrong type, or this
                implementation does not compute the architecture.
        """
        if values.get("model_type") != MODEL_TYPE:
            found = values.get("model_type")
            raise CheckpointError(f"model_type is {found!r}, expected {MODEL_TYPE!r}", field=path.name)
        known = {each.name: values[each.name] for each in dataclasses.fields(cls) if each.name in values}
        for each in dataclasses.fields(cls):
            value = known.get(each.name, each.default)
            if type(value) is not type(each.default) or (type(value) is int and value < 1):
                message = f"{each.name} has the value {value!r}, which is not of its type"
                raise CheckpointError(message, field=path.name)
        config = cls(**known)
        if problem := config.problem():
            raise CheckpointError(problem, field=path.name)
        return config

    def problem(self) -> str | None:
        """The part of the architecture that this implementation cannot compute, or None."""
        for name in ("encoder_attention_heads", "decoder_attention_heads"):
            if self.d_model % getattr(self, name):
                return f"d_model {self.d_model} is not a multiple of {name} {getattr(self, name)}"
        if self.activation_function not in ACTIVATIONS:
            return f"activation_function {self.activation_function!r} is not one of {', '.join(ACTIVATIONS)}"
        return None

    @property
    def hidden_size(self) -> int:
        """Width of a state, under the name that ``DecoderShape`` gives it."""
        return self.d_model

    @property
    def window_frames(self) -> int:
        """Mel frames in a whole window: 3000, which are 30 s."""
        return self.max_source_positions * FRAMES_A_STATE
