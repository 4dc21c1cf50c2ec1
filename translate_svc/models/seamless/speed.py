"""How fast SeamlessM4T v2 of a size can be on this CPU: its products with random weights, timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from translate_svc.models.convolution import Convolution
from translate_svc.models.linear.packed_linear import PackedLinear
from translate_svc.models.precision import Precision
from translate_svc.models.seamless.config import MEL_HOP_MS, MEL_STACK, ModelConfig
from translate_svc.models.seamless.speech import convolution_precision
from translate_svc.models.seamless.vocoder.vocoder import Vocoder, Voice
from translate_svc.models.speed_estimate import TOKENS_PER_SECOND, SpeedEstimate

_FRAMES = 1000 // (MEL_HOP_MS * MEL_STACK)
"""Of the speech encoder, in a second."""
_UNITS = 50
"""In a second of speech."""
_ENCODED_S, _SPOKEN_S = 3, 2
_ROUNDS = 5
_LAYERS = 3
"""Layers with weights of their own, one after the other: weights that stay in the processor's caches would
make a decode step look faster than it is."""
_PART_OF_OUTPUT = 16
_T2U_KERNEL = 7

_Shape = tuple[int, int]


@torch.inference_mode()
def speed_estimate(config: ModelConfig, precision: Precision, rows: int) -> SpeedEstimate:
    """Times products of the model's sizes for some seconds. ``rows``: texts that are decoded together."""
    encoded = _stack_s(_encoder_layer(config), _ENCODED_S * _FRAMES, precision) * config.speech_encoder_layers
    decoder = _stack_s(_decoder_layer(config), rows, precision) * config.decoder_layers
    output = (config.hidden_size, config.vocab_size // _PART_OF_OUTPUT)
    step = decoder + _stack_s([output], rows, precision) * _PART_OF_OUTPUT
    return SpeedEstimate(encoded / _ENCODED_S, step, rows, _speak_s(config, precision) / _SPOKEN_S)


def _encoder_layer(config: ModelConfig) -> list[_Shape]:
    size, inner = config.hidden_size, config.speech_encoder_intermediate_size
    feed_forward = [(size, inner), (inner, size)]
    return [*feed_forward, (size, 3 * size), (size, size), (size, 2 * size), (size, size), *feed_forward]


def _decoder_layer(config: ModelConfig) -> list[_Shape]:
    size, inner = config.hidden_size, config.decoder_ffn_dim
    return [(size, 3 * size), (size, size), (size, size), (size, size), (size, inner), (inner, size)]


def _speak_s(config: ModelConfig, precision: Precision) -> float:
    """Text-to-unit and vocoder for ``_SPOKEN_S`` of speech."""
    size, inner, units = config.hidden_size, config.t2u_encoder_ffn_dim, _SPOKEN_S * _UNITS
    encoder = [(size, 3 * size), (size, size), (size, inner), (inner, size)]
    decoder = [(size, 3 * size), (size, size)]
    spent = _stack_s(encoder, _SPOKEN_S * TOKENS_PER_SECOND, precision) * config.t2u_encoder_layers
    spent += _stack_s(decoder, units, precision) * config.t2u_decoder_layers
    spent += _stack_s([(size, config.unit_hifi_gan_vocab_size)], units, precision)
    convolutions = convolution_precision(precision, torch.device("cpu")).compute
    dtype = convolutions if precision.int8_products else precision.compute
    convolution = Convolution(size, size, _T2U_KERNEL).to(dtype)
    states = torch.randn(1, units, size).to(precision.compute)
    spent += _fastest_s(lambda: convolution.over_time(states)) * 2 * config.t2u_decoder_layers
    return spent + _vocoder_s(config, units, convolutions)


def _vocoder_s(config: ModelConfig, units: int, dtype: torch.dtype) -> float:
    with torch.device("meta"):
        vocoder = Vocoder(config)
    weights = {name: _noise(each.shape).to(dtype) for name, each in vocoder.state_dict().items()}
    vocoder.load_state_dict(weights, assign=True)
    spoken = torch.arange(units)[None] % config.unit_hifi_gan_vocab_size
    return _fastest_s(lambda: vocoder(spoken, [Voice(0, 0)]))


def _stack_s(shapes: Sequence[_Shape], rows: int, precision: Precision) -> float:
    """Seconds of one layer: a product of each shape, ``rows`` rows of states. Each at its fastest."""
    layers = [[_product(shape, precision) for shape in shapes] for _ in range(_LAYERS)]
    states = {inputs: torch.randn(rows, inputs).to(precision.compute) for inputs, _ in shapes}

    fastest = [[float("inf")] * len(shapes) for _ in layers]
    for _ in range(_ROUNDS + 1):
        for layer, best in zip(layers, fastest, strict=True):
            for place, product in enumerate(layer):
                started = time.perf_counter()
                product(states[shapes[place][0]])
                best[place] = min(best[place], time.perf_counter() - started)
    return sum(map(sum, fastest)) / _LAYERS


def _product(shape: _Shape, precision: Precision) -> PackedLinear:
    inputs, outputs = shape
    with torch.device("meta"):
        layer = nn.Linear(inputs, outputs, bias=False)
    if precision.int8_products:
        weight = torch.randint(-127, 128, (outputs, inputs), dtype=torch.int8)
        layer.register_buffer("weight_scale", torch.full((outputs,), 1e-3))
    else:
        weight = _noise((outputs, inputs)).to(precision.compute)
    layer.weight = nn.Parameter(weight, requires_grad=False)
    return PackedLinear(layer)


def _noise(shape: Sequence[int]) -> Tensor:
    return torch.empty(tuple(shape)).uniform_(-0.03, 0.03)


def _fastest_s(run: Callable[[], object]) -> float:
    """The fastest of some runs: what other programs take meanwhile is no part of it."""
    times = []
    for _ in range(_ROUNDS + 1):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times[1:])
