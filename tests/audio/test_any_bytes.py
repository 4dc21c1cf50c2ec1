"""Whatever a caller sends as audio, every decoder answers with samples or refuses it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translate_svc.audio.chunk_decoder import chunk_decoder
from translate_svc.audio.clip import decode_clip
from translate_svc.audio.formats import check_input_format
from translate_svc.audio.opus_packet import MAX_PACKET_SAMPLES
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
    channels = draw(st.integers(1, 2 if encoding is Encoding.OPUS else 8))
    rate_hz = 48_000 if encoding is Encoding.OPUS else draw(st.integers(8_000, 48_000))
    made = AudioFormat(encoding, rate_hz, channels, draw(st.integers(1, channels)))
    check_input_format(made, field="config.input")
    return made


def longest(chunk: bytes, audio_format: AudioFormat) -> int:
    """The samples that so many bytes can stand for at most."""
    if audio_format.encoding is Encoding.OPUS:
        return MAX_PACKET_SAMPLES
    return len(chunk) // audio_format.channels


@settings(deadline=None)
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


@settings(deadline=None)
@given(formats(), chunks, st.integers(0, 4_000))
def test_a_clip_of_any_bytes(audio_format: AudioFormat, sent: list[bytes], max_samples: int) -> None:
    opus = audio_format.encoding is Encoding.OPUS
    clip = (
        AudioClip(audio_format, packets=tuple(sent)) if opus else AudioClip(audio_format, data=b"".join(sent))
    )
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
                silence = bytes([0]) if encoding is Encoding.OPUS else b""
                chunk_decoder(made).decode(silence, field="audio.data")
