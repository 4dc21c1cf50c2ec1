"""The memory that a SeamlessM4T v2 model takes: a function of its configuration alone."""

from __future__ import annotations

from torch import nn

from translate_svc.models.alignment.heads import AlignmentHeads
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
from translate_svc.models.seamless.config import MEL_HOP_MS, MEL_STACK, ModelConfig
from translate_svc.models.seamless.decoder.text_decoder import TextDecoder
from translate_svc.models.seamless.encoder.conformer import QUERY_BLOCK
from translate_svc.models.seamless.encoder.speech_buckets import captured_shapes
from translate_svc.models.seamless.encoder.speech_encoder import SpeechEncoder, encoder_frames
from translate_svc.models.seamless.encoder.text_encoder import TextEncoder
from translate_svc.models.seamless.t2u.t2u import TextToUnit
from translate_svc.models.seamless.vocoder.vocoder import Vocoder
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ

_FLOAT32 = 4
_ATTENTION_COPIES = 5.5
"""Matrices of frames by frames and head that a CPU's speech encoder holds at once: scores, the relative bias,
which is twice as wide, and its copies. An accelerator holds fewer, and where each bias is found."""
_KERNEL, _KERNELS_A_LAYER = 13_000, 32
"""Bytes of a kernel in a graph, and the kernels of a layer of the speech encoder."""
_FEATURE_BYTES = 2 * 400 * 8 * 5
"""What a frame of the speech encoder takes while its features are computed: two mel frames of 400 samples, in
float64, five times over."""


def memory_estimate(
    config: ModelConfig, limits: ModelLimits, precision: Precision, device: str
) -> MemoryEstimate:
    """The bytes that ``SeamlessModel`` takes with such limits.

    Args:
        config: the sizes of the model.
        limits: the sizes of its caches.
        precision: to compute in.
        device: ``cpu`` or a CUDA device. On a CPU the output matrix is a second copy of the embedding,
            except in int8.
    """
    on_cpu = device == "cpu"
    wide = precision.compute.itemsize
    width = 1 if precision.int8_products else wide
    weights = sum(module_size(part, width, wide) for part in _parts(config, limits))
    weights += module_size(on_meta(lambda: Vocoder(config)), _FLOAT32, _FLOAT32)
    if on_cpu and not precision.int8_products:
        weights += config.vocab_size * config.hidden_size * width
    work = _encoder_work(config, limits, wide, on_cpu)
    if on_cpu:
        work += HOST_RUNTIME + int(KEPT_SHARE * weights)
    slot = _slot_size(config, limits, wide)
    logits = int(LOGIT_COPIES * limits.max_slots * config.vocab_size * _FLOAT32)
    return MemoryEstimate(
        weights=weights,
        caches=slot * limits.max_slots,
        graphs=0 if on_cpu else GRAPHS + logits + _encoder_graphs(config, limits, wide),
        work=work + logits,
        slot=slot,
    )


def _slot_size(config: ModelConfig, limits: ModelLimits, width: int) -> int:
    """Keys, values and states of one row of ``DecoderCache``, full. On a CPU, unused columns take nothing."""
    states = max(encoder_frames(_frames(limits), config), limits.max_source_tokens)
    tokens = limits.max_slot_tokens + 1
    return (config.decoder_layers * 2 * (tokens + states) + tokens) * config.hidden_size * width


def _encoder_work(config: ModelConfig, limits: ModelLimits, width: int, on_cpu: bool) -> int:
    """What the longest utterance takes while it is encoded, by itself. A CPU attends block by block."""
    frames = _frames(limits)
    return _layer_work(config, frames, min(QUERY_BLOCK, frames) if on_cpu else frames, width)


def _layer_work(config: ModelConfig, frames: int, seen: int, width: int) -> int:
    """What a layer of the speech encoder takes for ``frames``, if ``seen`` of them are attended to."""
    matrix = config.speech_encoder_attention_heads * frames * seen
    inner = frames * config.speech_encoder_intermediate_size
    return int((_ATTENTION_COPIES * matrix + 2 * inner) * width)


def _encoder_graphs(config: ModelConfig, limits: ModelLimits, width: int) -> int:
    """The graphs of the speech encoder: their kernels, inputs and results, and the work of the largest."""
    shapes = captured_shapes(_frames(limits) + 1)
    frame = (
        INTERNAL_SAMPLE_RATE_HZ * MEL_HOP_MS * MEL_STACK // 1000 * _FLOAT32 + config.hidden_size * width // 8
    )
    work = max(_layer_work(config, rows * frames, frames, width) for frames, rows in shapes)
    features = max(rows * frames for frames, rows in shapes) * _FEATURE_BYTES
    kernels = len(shapes) * config.speech_encoder_layers * _KERNELS_A_LAYER * _KERNEL
    return kernels + work + features + frame * sum(rows * frames for frames, rows in shapes)


def _frames(limits: ModelLimits) -> int:
    """Frames of the speech encoder, 20 ms each, in the longest utterance."""
    return limits.max_source_samples * 1000 // (INTERNAL_SAMPLE_RATE_HZ * MEL_HOP_MS * MEL_STACK)


def _parts(config: ModelConfig, limits: ModelLimits) -> list[nn.Module]:
    """Everything but the vocoder, without memory."""
    layer = 0
    heads = AlignmentHeads.of_layer(layer, config)
    return [
        on_meta(
            lambda: TextDecoder(
                config,
                max_slot_tokens=limits.max_slot_tokens,
                alignment_layer=layer,
                alignment_heads=heads,
            )
        ),
        on_meta(lambda: SpeechEncoder(config)),
        on_meta(lambda: TextEncoder(config, max_tokens=limits.max_source_tokens)),
        on_meta(lambda: TextToUnit(config)),
    ]
