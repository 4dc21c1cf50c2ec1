"""Sizes of a model's caches, and what a checkpoint can hold."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.errors import InvalidArgument
from translate_svc.models.config import ModelConfig


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """Sizes of the decoder's caches: rows, tokens fed to a row, 16 kHz samples of an utterance, tokens of a
    source text (language and ``</s>`` included).
    """

    slots: int
    max_tokens: int
    max_source_samples: int
    max_source_tokens: int


def check_limits(config: ModelConfig, limits: ModelLimits, alignment_layer: int) -> None:
    """What the decoder's position table, and its layers, must have room for.

    Raises:
        InvalidArgument: a limit that the checkpoint cannot hold; names it.
    """
    if not 2 < limits.max_tokens <= config.max_position_embeddings:
        message = f"must lie in [3, {config.max_position_embeddings}] for this checkpoint"
        raise InvalidArgument(message, field="max_tokens")
    if not 2 < limits.max_source_tokens <= config.max_position_embeddings:
        message = f"must lie in [3, {config.max_position_embeddings}] for this checkpoint"
        raise InvalidArgument(message, field="max_source_tokens")
    if not 0 <= alignment_layer < config.decoder_layers:
        raise InvalidArgument(f"must lie in [0, {config.decoder_layers})", field="alignment_layer")
