"""G.722 by FFmpeg: bit for bit what others make of it, nothing lost, every position exact."""

from __future__ import annotations

import numpy as np

from tests.audio.codecs.opus_signals import noise, snr_db, spoken
from translate_svc.audio.codecs.g722 import FRAME_SAMPLES, G722_LOOKAHEAD_SAMPLES, G722Decoder, G722Encoder
from translate_svc.audio.pcm import from_s16
from translate_svc.audio.resampler import resample
from translate_svc.types import Samples

FIRST_BYTES = bytes.fromhex("fa18942084a0a02021a92a2cb0353e981310901012961b7bb531eeae2ef1b339")
FIRST_VALUES = [0, -1, -1, 0, 0, -1, 0, 0, -1, -1, 1, -1, 1, 1, -11, -40, 11, 67, 0, -155, -97, 192, 563, 945]
"""What libg722, an implementation that has nothing to do with FFmpeg's, makes of ``tones``, and back."""


def tones() -> Samples:
    """One tone in each of the two bands, 40 ms."""
    time = np.arange(640) / 16_000
    values = 9_000 * np.sin(2 * np.pi * 440 * time) + 4_000 * np.sin(2 * np.pi * 5_300 * time)
    return from_s16(np.rint(values).astype(np.int16))


def encoded(samples: Samples) -> bytes:
    encoder = G722Encoder()
    return (encoder.encode(samples) + encoder.flush()).data


def decoded(data: bytes) -> Samples:
    return G722Decoder().decode(data, field="audio.data")


def test_bytes_and_samples_are_those_of_another_implementation() -> None:
    data = encoded(tones())
    assert data[: len(FIRST_BYTES)] == FIRST_BYTES
    assert (decoded(data)[: len(FIRST_VALUES)] * 32_768).tolist() == FIRST_VALUES


def test_a_second_is_8000_bytes_and_they_come_in_20_ms() -> None:
    encoder = G722Encoder()
    chunk = encoder.encode(noise(16_000))
    assert (len(chunk.data), chunk.packets) == (8_000, ())
    assert chunk.sample_count == 16_000 - G722_LOOKAHEAD_SAMPLES
    assert encoder.encode(noise(FRAME_SAMPLES - 1)).data == b""
    assert len(encoder.encode(noise(1)).data) == FRAME_SAMPLES // 2


def test_speech_is_heard_well() -> None:
    speech = resample(spoken(), 48_000, 16_000)
    assert snr_db(decoded(encoded(speech))[G722_LOOKAHEAD_SAMPLES:][: len(speech)], speech) > 18


def test_damage_passes() -> None:
    speech = resample(spoken(), 48_000, 16_000)
    data = encoded(speech)
    damaged = bytes([*data[:4_000], *(each ^ 0xFF for each in data[4_000:4_160]), *data[4_160:]])
    out, sound = decoded(damaged), decoded(data)
    assert len(out) == len(sound)
    np.testing.assert_array_equal(out[:8_000], sound[:8_000])
    assert np.abs(out[16_000:] - sound[16_000:]).max() < 0.05
