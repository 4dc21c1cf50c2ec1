"""A clip is decoded whole, and never beyond its limit."""

from __future__ import annotations

import numpy as np
import pytest

from tests.audio.codecs.opus_signals import decoded, noise, packets_of
from translate_svc.audio.clip import decode_clip
from translate_svc.audio.codecs.table import chunk_encoder
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.types import AudioClip, AudioFormat, Encoding

OPUS = AudioFormat(Encoding.OPUS, 48_000)


@pytest.mark.parametrize("encoding", [Encoding.PCM_S16LE, Encoding.PCM_F32LE, Encoding.MULAW, Encoding.ALAW])
def test_a_clip_of_bytes(encoding: Encoding) -> None:
    audio_format = AudioFormat(encoding, 8_000, 2, 2)
    signal = noise(2_000).reshape(1_000, 2)
    clip = AudioClip(audio_format, data=chunk_encoder(audio_format).encode(signal).data)
    samples = decode_clip(clip, field="clip", max_samples=1_000)
    assert len(samples) == 1_000
    np.testing.assert_allclose(samples, signal[:, 1], atol=0.02)
    with pytest.raises(OutOfRange) as caught:
        decode_clip(clip, field="clip", max_samples=999)
    assert caught.value.field == "clip.data"


def test_a_clip_of_packets() -> None:
    packets = packets_of(noise(5_000))
    clip = AudioClip(OPUS, packets=packets)
    samples = decode_clip(clip, field="clip", max_samples=len(packets) * 960)
    np.testing.assert_array_equal(samples, decoded(packets))
    with pytest.raises(OutOfRange) as caught:
        decode_clip(clip, field="clip", max_samples=len(packets) * 960 - 1)
    assert caught.value.field == "clip.packets"


def test_a_bad_packet_is_named_by_its_place() -> None:
    clip = AudioClip(OPUS, packets=(*packets_of(noise(100)), b"", b"\x03"))
    with pytest.raises(InvalidArgument) as caught:
        decode_clip(clip, field="clip", max_samples=10**6)
    assert caught.value.field == "clip.packets[1]"


def test_a_million_packets_are_refused_before_one_is_decoded() -> None:
    """120 ms each, of three bytes: a day of audio in 3 MB."""
    lost = bytes([(1 << 3) | 3, 6])
    with pytest.raises(OutOfRange):
        decode_clip(AudioClip(OPUS, packets=(lost,) * 100_000), field="clip", max_samples=48_000 * 30)
