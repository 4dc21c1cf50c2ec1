"""How fast Whisper of a size can be on this CPU: its products with random weights, timed."""

from __future__ import annotations

import torch

from translate_svc.models.machine.product_times import stack_s
from translate_svc.models.machine.speed_estimate import SpeedEstimate
from translate_svc.models.precision import Precision
from translate_svc.models.whisper.config import STATE_MS, WhisperConfig

_PART_OF_OUTPUT = 16
_UTTERANCE_S = 10
"""A usual utterance. It costs a whole window."""


@torch.inference_mode()
def speed_estimate(config: WhisperConfig, precision: Precision, rows: int) -> SpeedEstimate:
    """Times products of the model's sizes for some seconds. ``rows``: texts that are decoded together."""
    size, states = config.d_model, config.max_source_positions
    encoder = [(size, 3 * size), (size, size), (size, config.encoder_ffn_dim), (config.encoder_ffn_dim, size)]
    window = stack_s(encoder, states, precision) * config.encoder_layers
    window += stack_s([(size, 2 * size)], states, precision) * config.decoder_layers
    inner = config.decoder_ffn_dim
    decoder = [(size, 3 * size), (size, size), (size, size), (size, size), (size, inner), (inner, size)]
    step = stack_s(decoder, rows, precision) * config.decoder_layers
    step += stack_s([(size, config.vocab_size // _PART_OF_OUTPUT)], rows, precision) * _PART_OF_OUTPUT
    heard_s = min(_UTTERANCE_S, states * STATE_MS / 1000)
    return SpeedEstimate(encode_s=window / heard_s, step_s=step, rows=rows, speak_s=0.0)
