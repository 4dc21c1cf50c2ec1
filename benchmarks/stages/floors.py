"""What a stage must compute and read at the least, from the sizes of the model: no padding, no overlap."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.models.seamless.config import ModelConfig

_UNIT_KERNEL = 7
_VOCODER_EDGE_KERNEL = 7
_BYTES = 4


@dataclass(frozen=True, slots=True)
class Rates:
    """Of this machine, measured: multiply-adds count two."""

    flop_per_s: float
    bytes_per_s: float


def encode_flop(config: ModelConfig, frames: int) -> float:
    """One utterance of so many 20 ms frames."""
    size, inner = config.hidden_size, config.speech_encoder_intermediate_size
    feed_forward = 2 * size * inner
    convolution = 3 * size * size + config.conv_depthwise_kernel_size * size
    distances = (config.left_max_position_embeddings + config.right_max_position_embeddings + 1) * size
    layer = 2 * feed_forward + 4 * size * size + convolution + distances + 2 * frames * size
    pooled = frames / config.adaptor_stride
    adapter = pooled * (4 * size * size * config.adaptor_kernel_size + 4 * size * size + feed_forward)
    features = config.feature_projection_input_dim * size
    return 2 * (frames * (features + config.speech_encoder_layers * layer + feed_forward) + adapter)


def decode_step_flop(config: ModelConfig, rows: int) -> float:
    """One token for each of so many rows; attention to cached states left out."""
    return 2 * rows * _decoder_weights(config)


def decode_step_bytes(config: ModelConfig) -> float:
    """Every weight once."""
    return _BYTES * _decoder_weights(config)


def _decoder_weights(config: ModelConfig) -> float:
    size = config.hidden_size
    layer = 6 * size * size + 2 * size * config.decoder_ffn_dim
    return config.decoder_layers * layer + config.vocab_size * size


def text_to_unit_flop(config: ModelConfig, tokens: int, units: int) -> float:
    """One text; characters, of which there are few, left out."""
    size = config.hidden_size
    encoder = tokens * config.t2u_encoder_layers * (4 * size * size + 2 * size * config.t2u_encoder_ffn_dim)
    layer = (4 + 2 * _UNIT_KERNEL) * size * size + 2 * units * size
    decoder = units * (config.t2u_decoder_layers * layer + config.unit_hifi_gan_vocab_size * size)
    return 2 * (encoder + decoder)


def vocode_flop(config: ModelConfig, units: int) -> float:
    """A whole waveform."""
    width = config.unit_embed_dim + config.lang_embed_dim + config.spkr_embed_dim
    channels, places = config.upsample_initial_channel, units
    total = float(places * width * channels * _VOCODER_EDGE_KERNEL)
    for rate, kernel in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
        total += places * channels * (channels // 2) * kernel
        channels, places = channels // 2, places * rate
        for size, dilations in zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True):
            total += places * channels * channels * size * 2 * len(dilations)
    return 2 * (total + places * channels * _VOCODER_EDGE_KERNEL)
