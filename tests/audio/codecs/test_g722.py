"""G.722 by FFmpeg: bit for bit what others make of it, nothing lost, every position exact."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audio.codecs.opus_signals import lag_samples, noise, snr_db, spoken
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


def test_what_comes_out_is_late_by_exactly_the_look_ahead() -> None:
    """At no other shift do the samples match at all."""
    signal = noise(16_000)
    out = decoded(encoded(signal))
    assert lag_samples(out, signal) == G722_LOOKAHEAD_SAMPLES
    match_db = [snr_db(out[lag:][:15_000], signal[:15_000]) for lag in range(18, 27)]
    assert match_db[G722_LOOKAHEAD_SAMPLES - 18] > 8
    assert max(match_db[: G722_LOOKAHEAD_SAMPLES - 18] + match_db[G722_LOOKAHEAD_SAMPLES - 17 :]) < 0


def test_speech_is_heard_well() -> None:
    speech = resample(spoken(), 48_000, 16_000)
    assert snr_db(decoded(encoded(speech))[G722_LOOKAHEAD_SAMPLES:][: len(speech)], speech) > 18


def test_full_scale_stays_within_it() -> None:
    square = np.where(np.arange(8_000) // 40 % 2, 1.0, -1.0).astype(np.float32)
    out = decoded(encoded(square))
    assert np.abs(out).max() <= 1
    assert np.abs(out).max() > 0.9


@pytest.mark.parametrize("count", [1, 2, 3, 297, 298, 299, 320, 321])
def test_the_last_sample_is_not_lost(count: int) -> None:
    encoder = G722Encoder()
    chunk = encoder.encode(noise(count)) + encoder.flush()
    assert chunk.sample_count == count
    assert count + G722_LOOKAHEAD_SAMPLES <= 2 * len(chunk.data) < count + 22 + FRAME_SAMPLES
    assert encoder.flush().data == b""


def test_after_a_flush_encoder_and_decoder_go_on_together() -> None:
    """A decoder that hears both signals is in the state that the encoder takes it to be in."""
    signal = resample(spoken(), 48_000, 16_000)
    encoder, decoder = G722Encoder(), G722Decoder()
    for _ in range(3):
        chunk = encoder.encode(signal) + encoder.flush()
        assert chunk.sample_count == len(signal)
        out = decoder.decode(chunk.data, field="")[G722_LOOKAHEAD_SAMPLES:][: len(signal)]
        assert snr_db(out, signal) > 18


def test_an_empty_message_changes_nothing() -> None:
    """To FFmpeg an empty packet is the end of the stream."""
    data, decoder = encoded(tones()), G722Decoder()
    parts = (b"", data[:7], b"", data[7:], b"")
    out = np.concatenate([decoder.decode(part, field="") for part in parts])
    np.testing.assert_array_equal(out, decoded(data))


def test_damage_passes() -> None:
    speech = resample(spoken(), 48_000, 16_000)
    data = encoded(speech)
    damaged = bytes([*data[:4_000], *(each ^ 0xFF for each in data[4_000:4_160]), *data[4_160:]])
    out, sound = decoded(damaged), decoded(data)
    assert len(out) == len(sound)
    np.testing.assert_array_equal(out[:8_000], sound[:8_000])
    assert np.abs(out[16_000:] - sound[16_000:]).max() < 0.05
