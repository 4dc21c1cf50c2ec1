"""Sizes of a model's caches, and the check that a checkpoint can hold them."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.errors import InvalidArgument
from translate_svc.models.seamless.config import ModelConfig

PROMPT_TOKENS = 2
"""Every sequence starts with ``</s>`` and its language token. A source text also has two such tokens: its
language before it and ``</s>`` after it.
"""


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """Sizes of the decoder's caches.

    Attributes:
        max_slots: number of rows, and so of sequences that decode at once.
        max_slot_tokens: most tokens fed to one sequence, prompt included; sizes the self-attention caches.
        max_source_samples: longest utterance (16 kHz); sizes the cross-attention caches.
        max_source_tokens: longest source text in tokens, language and ``</s>`` included; the cross-attention
            caches must hold it too.
    """

    max_slots: int
    max_slot_tokens: int
    max_source_samples: int
    max_source_tokens: int


def check_limits(config: ModelConfig, limits: ModelLimits, alignment_layer: int) -> None:
    """Checks the limits against the decoder's position table and the number of its layers.

    Raises:
        InvalidArgument: the checkpoint cannot hold a limit; ``field`` names the limit.
    """
    if not 2 < limits.max_slot_tokens <= config.max_position_embeddings:
        message = f"must lie in [3, {config.max_position_embeddings}] for this checkpoint"
        raise InvalidArgument(message, field="max_slot_tokens")
    if not 2 < limits.max_source_tokens <= config.max_position_embeddings:
        message = f"must lie in [3, {config.max_position_embeddings}] for this checkpoint"
        raise InvalidArgument(message, field="max_source_tokens")
    if not 0 <= alignment_layer < config.decoder_layers:
        raise InvalidArgument(f"must lie in [0, {config.decoder_layers})", field="alignment_layer")
