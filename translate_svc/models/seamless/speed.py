"""How fast SeamlessM4T v2 of a size can be on this CPU: its products with random weights, timed."""

from __future__ import annotations

import torch

from translate_svc.models.layers.convolution import Convolution
from translate_svc.models.machine.product_times import Shape, fastest_s, noise, stack_s
from translate_svc.models.machine.speed_estimate import TOKENS_PER_SECOND, SpeedEstimate
from translate_svc.models.precision import Precision
from translate_svc.models.seamless.config import MEL_HOP_MS, MEL_STACK, ModelConfig
from translate_svc.models.seamless.speech import convolution_precision
from translate_svc.models.seamless.vocoder.vocoder import Vocoder, Voice

_FRAMES = 1000 // (MEL_HOP_MS * MEL_STACK)
"""Of the speech encoder, in a second."""
_UNITS = 50
"""In a second of speech."""
_ENCODED_S, _SPOKEN_S = 3, 2
_PART_OF_OUTPUT = 16
_T2U_KERNEL = 7


@torch.inference_mode()
def speed_estimate(config: ModelConfig, precision: Precision, rows: int) -> SpeedEstimate:
    """Times products of the model's sizes for some seconds. ``rows``: texts that are decoded together."""
    encoded = stack_s(_encoder_layer(config), _ENCODED_S * _FRAMES, precision) * config.speech_encoder_layers
    decoder = stack_s(_decoder_layer(config), rows, precision) * config.decoder_layers
    output = (config.hidden_size, config.vocab_size // _PART_OF_OUTPUT)
    step = decoder + stack_s([output], rows, precision) * _PART_OF_OUTPUT
    return SpeedEstimate(encoded / _ENCODED_S, step, rows, _speak_s(config, precision) / _SPOKEN_S)


def _encoder_layer(config: ModelConfig) -> list[Shape]:
    size, inner = config.hidden_size, config.speech_encoder_intermediate_size
    feed_forward = [(size, inner), (inner, size)]
    return [*feed_forward, (size, 3 * size), (size, size), (size, 2 * size), (size, size), *feed_forward]


def _decoder_layer(config: ModelConfig) -> list[Shape]:
    size, inner = config.hidden_size, config.decoder_ffn_dim
    return [(size, 3 * size), (size, size), (size, size), (size, size), (size, inner), (inner, size)]


def _speak_s(config: ModelConfig, precision: Precision) -> float:
    """Text-to-unit and vocoder for ``_SPOKEN_S`` of speech."""
    size, inner, units = config.hidden_size, config.t2u_encoder_ffn_dim, _SPOKEN_S * _UNITS
    encoder = [(size, 3 * size), (size, size), (size, inner), (inner, size)]
    decoder = [(size, 3 * size), (size, size)]
    spent = stack_s(encoder, _SPOKEN_S * TOKENS_PER_SECOND, precision) * config.t2u_encoder_layers
    spent += stack_s(decoder, units, precision) * config.t2u_decoder_layers
    spent += stack_s([(size, config.unit_hifi_gan_vocab_size)], units, precision)
    convolutions = convolution_precision(precision, torch.device("cpu")).compute
    dtype = convolutions if precision.int8_products else precision.compute
    convolution = Convolution(size, size, _T2U_KERNEL).to(dtype)
    states = torch.randn(1, units, size).to(precision.compute)
    spent += fastest_s(lambda: convolution.over_time(states)) * 2 * config.t2u_decoder_layers
    return spent + _vocoder_s(config, units, convolutions)


def _vocoder_s(config: ModelConfig, units: int, dtype: torch.dtype) -> float:
    with torch.device("meta"):
        vocoder = Vocoder(config)
    weights = {name: noise(each.shape).to(dtype) for name, each in vocoder.state_dict().items()}
    vocoder.load_state_dict(weights, assign=True)
    spoken = torch.arange(units)[None] % config.unit_hifi_gan_vocab_size
    return fastest_s(lambda: vocoder(spoken, [Voice(0, 0)]))
