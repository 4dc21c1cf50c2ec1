"""Codecs: bytes to samples and back; what is refused names its field."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate_svc.audio.codecs import check_format, decode, encode
from translate_svc.errors import InvalidArgument, OutOfRange, Unsupported
from translate_svc.types import AudioFormat, Encoding

UNSERVED = [Encoding.MULAW, Encoding.ALAW, Encoding.OPUS]


@given(st.binary(max_size=400).filter(lambda data: len(data) % 2 == 0))
def test_s16_survives_the_round_trip(data: bytes) -> None:
    assert encode(decode(data, Encoding.PCM_S16LE), Encoding.PCM_S16LE) == data


def test_s16_is_little_endian_with_full_scale_at_32768() -> None:
    samples = decode(b"\x00\x80\x00\x40\xff\x7f\x01\x00", Encoding.PCM_S16LE)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(samples, np.array([-32768, 16384, 32767, 1], dtype=np.float32) / 32768)


@given(st.lists(st.floats(-1, 1, width=32), max_size=50))
def test_f32_survives_the_round_trip(values: list[float]) -> None:
    data = np.array(values, dtype="<f4").tobytes()
    assert encode(decode(data, Encoding.PCM_F32LE), Encoding.PCM_F32LE) == data


def test_f32_overshoot_is_clipped() -> None:
    data = np.array([1.5, -1.25, 0.5], dtype="<f4").tobytes()
    np.testing.assert_array_equal(
        decode(data, Encoding.PCM_F32LE), np.array([1.0, -1.0, 0.5], dtype=np.float32)
    )


def test_s16_output_is_rounded_and_clipped() -> None:
    samples = np.array([1.5, 1.0, -1.0, -7.0, 0.6 / 32768, -0.6 / 32768, 0.4 / 32768], dtype=np.float32)
    written = np.frombuffer(encode(samples, Encoding.PCM_S16LE), dtype="<i2")
    assert written.tolist() == [32767, 32767, -32768, -32768, 1, -1, 0]


def test_an_empty_chunk_is_no_samples() -> None:
    assert decode(b"", Encoding.PCM_S16LE).shape == (0,)
    assert decode(b"", Encoding.PCM_F32LE).shape == (0,)
    assert encode(np.zeros(0, dtype=np.float32), Encoding.PCM_S16LE) == b""


def test_decoded_samples_do_not_alias_the_bytes() -> None:
    decode(np.zeros(4, dtype="<f4").tobytes(), Encoding.PCM_F32LE)[0] = 1.0  # a read-only view would raise


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
    with pytest.raises(InvalidArgument) as caught:
        decode(data, encoding)
    assert caught.value.field == "audio"
    with pytest.raises(InvalidArgument) as caught:
        decode(data, encoding, field="translate.clip.data")
    assert caught.value.field == "translate.clip.data"


@pytest.mark.parametrize("encoding", UNSERVED)
def test_unserved_encodings(encoding: Encoding) -> None:
    with pytest.raises(Unsupported) as caught:
        check_format(AudioFormat(encoding, 16_000), field="config.output")
    assert caught.value.field == "config.output.encoding"
    with pytest.raises(Unsupported) as caught:
        decode(b"\x00\x00", encoding)
    assert caught.value.field == "config.input.encoding"
    with pytest.raises(Unsupported) as caught:
        encode(np.zeros(2, dtype=np.float32), encoding)
    assert caught.value.field == "config.output.encoding"


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 44_100, 48_000])
def test_served_formats(rate_hz: int) -> None:
    for encoding in (Encoding.PCM_S16LE, Encoding.PCM_F32LE):
        check_format(AudioFormat(encoding, rate_hz), field="config.input")


@pytest.mark.parametrize("rate_hz", [0, -8_000, 7_999, 48_001, 96_000])
def test_rates_out_of_range(rate_hz: int) -> None:
    with pytest.raises(OutOfRange) as caught:
        check_format(AudioFormat(Encoding.PCM_S16LE, rate_hz), field="config.input")
    assert caught.value.field == "config.input.sample_rate_hz"


@pytest.mark.parametrize("channels", [0, 2, -1])
def test_anything_but_mono(channels: int) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_format(AudioFormat(Encoding.PCM_S16LE, 16_000, channels), field="config.input")
    assert caught.value.field == "config.input.channels"
