"""Whatever a caller sends as audio, every decoder answers with samples or refuses it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate_svc.audio.clip import decode_clip
from translate_svc.audio.codecs.opus_packet import MAX_PACKET_SAMPLES
from translate_svc.audio.codecs.table import CODECS, chunk_decoder, codec_of
from translate_svc.audio.formats import check_input_format
from translate_svc.errors import InvalidArgument
from translate_svc.types import AudioClip, AudioFormat, Encoding

chunks = st.lists(
    st.binary(max_size=60)
    | st.builds(
        lambda configuration, payload: bytes([configuration << 2]) + payload,
        st.integers(0, 63),
        st.binary(max_size=60),
    ),
    max_size=8,
)


@st.composite
def formats(draw: st.DrawFn) -> AudioFormat:
    encoding = draw(st.sampled_from(Encoding))
    channels = draw(st.integers(1, CODECS[encoding].max_channels))
    rate_hz = CODECS[encoding].sample_rate_hz or draw(st.integers(8_000, 48_000))
    made = AudioFormat(encoding, rate_hz, channels, draw(st.integers(1, channels)))
    check_input_format(made, field="config.input")
    return made


def longest(chunk: bytes, audio_format: AudioFormat) -> int:
    """The samples that so many bytes can stand for at most."""
    if codec_of(audio_format).framing.field_name == "packets":
        return MAX_PACKET_SAMPLES
    return 2 * len(chunk) // audio_format.channels


@given(formats(), chunks)
def test_a_stream_of_any_bytes(audio_format: AudioFormat, sent: list[bytes]) -> None:
    decoder = chunk_decoder(audio_format)
    for chunk in sent:
        try:
            samples = decoder.decode(chunk, field="audio.data")
        except InvalidArgument:
            continue
        assert samples.dtype == np.float32
        assert samples.ndim == 1
        assert len(samples) <= longest(chunk, audio_format)
        assert np.isfinite(samples).all()
        assert np.abs(samples).max(initial=0) <= 1


@given(formats(), chunks, st.integers(0, 4_000))
def test_a_clip_of_any_bytes(audio_format: AudioFormat, sent: list[bytes], max_samples: int) -> None:
    packed = codec_of(audio_format).framing.pack(sent)
    clip = AudioClip(audio_format, packed.data, packed.packets)
    try:
        samples = decode_clip(clip, field="clip", max_samples=max_samples)
    except InvalidArgument:
        return
    assert len(samples) <= max_samples
    assert np.isfinite(samples).all()


@pytest.mark.parametrize("encoding", Encoding)
def test_any_format_is_let_in_or_refused(encoding: Encoding) -> None:
    """Numbers of any size."""
    for rate_hz in (-(2**31), 0, 8_000, 48_000, 2**31 - 1):
        for channels in (-1, 0, 1, 2, 8, 2**31 - 1):
            for channel in (-1, 0, 1, 2, 2**31 - 1):
                try:
                    made = AudioFormat(encoding, rate_hz, channels, channel)
                    check_input_format(made, field="config.input")
                except InvalidArgument:
                    continue
                silence = bytes([0]) if CODECS[encoding].framing.field_name == "packets" else b""
                chunk_decoder(made).decode(silence, field="audio.data")
