"""The memory that a Whisper model takes: a function of its configuration alone."""

from __future__ import annotations

from translate_svc.models.limits import ModelLimits
from translate_svc.models.machine.memory_estimate import MemoryEstimate
from translate_svc.models.machine.module_size import (
    GRAPHS,
    HOST_RUNTIME,
    KEPT_SHARE,
    LOGIT_COPIES,
    module_size,
    on_meta,
)
from translate_svc.models.precision import Precision
from translate_svc.models.whisper.config import WhisperConfig
from translate_svc.models.whisper.decoder import WhisperDecoder
from translate_svc.models.whisper.encoder import WhisperEncoder

_FLOAT32 = 4
_STATE_COPIES = 8
"""Tensors of the width of a state that a layer of the encoder holds at once, beside its inner ones."""


def memory_estimate(
    config: WhisperConfig, limits: ModelLimits, precision: Precision, device: str
) -> MemoryEstimate:
    """The bytes that ``WhisperModel`` takes with such limits. The arguments are those of Seamless'
    estimate."""
    on_cpu = device == "cpu"
    wide = precision.compute.itemsize
    width = 1 if precision.int8_products else wide
    parts = [
        on_meta(lambda: WhisperDecoder(config, max_slot_tokens=limits.max_slot_tokens, alignment_layer=0)),
        on_meta(lambda: WhisperEncoder(config)),
    ]
    weights = sum(module_size(part, width, wide) for part in parts)
    if on_cpu and not precision.int8_products:
        weights += config.vocab_size * config.d_model * width
    states = config.max_source_positions
    tokens = limits.max_slot_tokens + 1
    slot = (config.decoder_layers * 2 * (tokens + states) + tokens) * config.d_model * wide
    logits = int(LOGIT_COPIES * limits.max_slots * config.vocab_size * _FLOAT32)
    work = states * (_STATE_COPIES * config.d_model + 2 * config.encoder_ffn_dim) * wide
    work += slot + logits  # keys and values of a source before they are written
    if on_cpu:
        work += HOST_RUNTIME + int(KEPT_SHARE * weights)
    return MemoryEstimate(weights, slot * limits.max_slots, 0 if on_cpu else GRAPHS + logits, work, slot)
