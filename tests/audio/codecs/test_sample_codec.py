"""Linear PCM and G.711 as a stream's chunks: full scale, channels, refusals."""

from __future__ import annotations

import numpy as np
import pytest

from translate_svc.audio.codecs.table import chunk_decoder, chunk_encoder
from translate_svc.errors import InvalidArgument
from translate_svc.types import AudioFormat, Encoding, Samples


def decode(data: bytes, encoding: Encoding, channels: int = 1, channel: int = 0) -> Samples:
    return chunk_decoder(AudioFormat(encoding, 16_000, channels, channel)).decode(data, field="audio.data")


def encode(samples: Samples, encoding: Encoding) -> bytes:
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    return chunk_encoder(AudioFormat(encoding, 16_000, channels)).encode(samples).data


def test_s16_is_little_endian_with_full_scale_at_32768() -> None:
    samples = decode(b"\x00\x80\x00\x40\xff\x7f\x01\x00", Encoding.PCM_S16LE)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, np.array([-32768, 16384, 32767, 1], dtype=np.float32) / 32768)


def test_f32_overshoot_is_clipped() -> None:
    data = np.array([1.5, -1.25, 0.5], dtype="<f4").tobytes()
    np.testing.assert_array_equal(
        decode(data, Encoding.PCM_F32LE), np.array([1.0, -1.0, 0.5], dtype=np.float32)
    )


def test_s16_output_is_rounded_and_clipped() -> None:
    samples = np.array([1.5, 1.0, -1.0, -7.0, 0.6 / 32768, -0.6 / 32768, 0.4 / 32768], dtype=np.float32)
    written = np.frombuffer(encode(samples, Encoding.PCM_S16LE), dtype="<i2")
    assert written.tolist() == [32767, 32767, -32768, -32768, 1, -1, 0]


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        pytest.param(b"\x00", Encoding.PCM_S16LE, id="odd s16"),
        pytest.param(b"\x00" * 7, Encoding.PCM_F32LE, id="torn f32"),
        pytest.param(np.array([0, np.nan], dtype="<f4").tobytes(), Encoding.PCM_F32LE, id="NaN"),
        pytest.param(np.array([0, np.inf], dtype="<f4").tobytes(), Encoding.PCM_F32LE, id="infinity"),
        pytest.param(np.array([0, 12_000], dtype="<f4").tobytes(), Encoding.PCM_F32LE, id="16-bit scale"),
    ],
)
def test_bad_bytes_name_the_field(data: bytes, encoding: Encoding) -> None:
    for field in ("audio.data", "clip.data"):
        with pytest.raises(InvalidArgument) as caught:
            chunk_decoder(AudioFormat(encoding, 16_000)).decode(data, field=field)
        assert caught.value.field == field
