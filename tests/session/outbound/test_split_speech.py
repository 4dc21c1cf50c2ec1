"""Speech in pieces that a slow reader can take one by one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from translate_svc.audio.codecs.g722 import G722Encoder
from translate_svc.audio.codecs.opus_encoder import OpusEncoder
from translate_svc.session.utterances.speech_writer import MAX_SPEECH_BYTES, split_speech
from translate_svc.types import AudioFormat, Encoding, SampleRange, SpeechChunk

BYTES_PER_SAMPLE = {1: Encoding.MULAW, 2: Encoding.PCM_S16LE, 4: Encoding.PCM_F32LE}


def chunk(data: bytes, sample_count: int, *, final: bool = True) -> SpeechChunk:
    source, units, durations = SampleRange(1, 2), (7, 8), (1,)
    return SpeechChunk(
        3, source, "spa", 100, data, final, units, durations, output_lag_ms=9, sample_count=sample_count
    )


@pytest.mark.parametrize("sample_bytes", BYTES_PER_SAMPLE)
@pytest.mark.parametrize("samples", [0, 1, 8_191, 8_192, 32_768, 32_769, 96_001])
def test_they_sum_up_to_the_whole(samples: int, sample_bytes: int) -> None:
    data = bytes(range(256)) * (samples * sample_bytes // 256 + 1)
    whole = chunk(data[: samples * sample_bytes], samples)
    parts = list(split_speech(whole, AudioFormat(BYTES_PER_SAMPLE[sample_bytes], 16_000)))
    assert b"".join(part.data for part in parts) == whole.data
    assert all(len(part.data) == part.sample_count * sample_bytes <= MAX_SPEECH_BYTES for part in parts)
    position = whole.start_sample
    for part in parts:
        assert part.start_sample == position
        position += part.sample_count
    assert position == whole.start_sample + samples
    assert [part.final for part in parts] == [False] * (len(parts) - 1) + [True]
    assert (parts[0].units, parts[0].character_durations) == ((7, 8), (1,))
    assert not any(part.units or part.character_durations for part in parts[1:])
    assert {(part.utterance_id, part.source, part.language, part.output_lag_ms) for part in parts} == {
        (3, SampleRange(1, 2), "spa", 9)
    }


def test_packets_are_split_between_two_of_them() -> None:
    """And the look-ahead counts for the first piece alone."""
    opus = AudioFormat(Encoding.OPUS, 48_000)
    encoder = OpusEncoder()
    encoded = encoder.encode(np.zeros(48_000, np.float32)) + encoder.flush()
    padded = tuple(bytes([packet[0] | 3, 0x41, 250]) + bytes(1_200 + 250) for packet in encoded.packets)
    whole = replace(chunk(b"", encoded.sample_count), start_sample=0, packets=padded)
    parts = list(split_speech(whole, opus))
    assert sum((part.packets for part in parts), ()) == padded
    assert all(sum(map(len, part.packets)) <= MAX_SPEECH_BYTES for part in parts)
    assert [part.sample_count for part in parts] == [22 * 960 - 312, 22 * 960, 48_000 + 312 - 44 * 960]
    assert [part.start_sample for part in parts] == [0, 22 * 960 - 312, 44 * 960 - 312]
    assert [part.final for part in parts] == [False, False, True]


def test_less_than_a_byte_a_sample() -> None:
    """G.722 has half a one."""
    encoder = G722Encoder()
    encoded = encoder.encode(np.zeros(100_000, np.float32)) + encoder.flush()
    whole = replace(chunk(encoded.data, encoded.sample_count), start_sample=0)
    parts = list(split_speech(whole, AudioFormat(Encoding.G722, 16_000)))
    assert b"".join(part.data for part in parts) == encoded.data
    assert [part.sample_count for part in parts] == [65_536 - 22, 100_000 + 22 - 65_536]
    assert [part.start_sample for part in parts] == [0, 65_536 - 22]


def test_what_is_not_the_end_has_no_end() -> None:
    whole = chunk(bytes(100_000), 50_000, final=False)
    assert not any(part.final for part in split_speech(whole, AudioFormat(Encoding.PCM_S16LE, 16_000)))
