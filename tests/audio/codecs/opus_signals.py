"""What the tests of Opus listen to, and how well it comes out."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from translate_svc.audio.codecs.opus_decoder import OpusDecoder
from translate_svc.audio.codecs.opus_encoder import OpusEncoder
from translate_svc.audio.files import read_audio
from translate_svc.audio.resampler import resample
from translate_svc.types import Samples

RATE_HZ = 48_000
_DATA = Path(__file__).resolve().parents[2] / "data"


def spoken() -> Samples:
    """A sentence at 48 kHz, 2.8 s."""
    samples, rate_hz = read_audio(_DATA / "eng_1.flac")
    return resample(samples, rate_hz, RATE_HZ)


def noise(count: int, seed: int = 0) -> Samples:
    """White, so that it matches itself at one place only."""
    return (0.1 * np.random.default_rng(seed).standard_normal(count)).astype(np.float32)


def packets_of(samples: Samples) -> tuple[bytes, ...]:
    """All of a signal ``[n]`` or ``[n, channels]``, the flushed end included."""
    encoder = OpusEncoder(1 if samples.ndim == 1 else samples.shape[1])
    return (encoder.encode(samples) + encoder.flush()).packets


def decoded(packets: tuple[bytes, ...], channels: int = 1, channel: int = 1) -> Samples:
    """All that comes out, look-ahead and padding included."""
    decoder = OpusDecoder(channels, channel)
    return np.concatenate([decoder.decode(packet, field="audio.data") for packet in packets])


def lag_samples(late: Samples, original: Samples, at_most: int = 1_000) -> int:
    """By how many samples ``late`` is later than ``original``: where they correlate best."""
    window = original[: len(late) - at_most]
    return int(np.correlate(late[: len(window) + at_most], window, "valid").argmax())


def snr_db(samples: Samples, original: Samples) -> float:
    """Signal over difference."""
    noise_energy = max(float(np.square(samples - original).sum()), 1e-20)
    return float(10 * np.log10(np.square(original).sum() / noise_energy))
