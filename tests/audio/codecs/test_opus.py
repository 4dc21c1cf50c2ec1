"""Opus by libopus: nothing lost, every position exact, broken packets contained."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio.codecs.opus_signals import decoded, packets_of, spoken
from translate_svc.audio.codecs.opus_decoder import OpusDecoder
from translate_svc.audio.codecs.opus_encoder import PACKET_SAMPLES
from translate_svc.audio.codecs.opus_packet import opus_packet_samples
from translate_svc.errors import InvalidArgument

WITHOUT_PAYLOAD = bytes([15 << 3])
"""20 ms of full band that was lost, or not sent."""


def test_packets_of_another_number_of_channels_are_mixed_or_doubled() -> None:
    """Stereo and mono alternate as the encoder likes; the declared format says what comes out."""
    speech = spoken()
    mono = packets_of(speech)
    np.testing.assert_array_equal(decoded(mono, 2, 1), decoded(mono, 2, 2))
    opposite = packets_of(np.stack([speech, -speech], axis=1))
    assert np.square(decoded(opposite)).sum() < 0.1 * np.square(decoded(opposite, 2, 1)).sum()


def test_a_frame_without_payload_is_concealed() -> None:
    """A lost packet is filled from the audio before it, and fades when nothing else comes."""
    packets = packets_of(spoken())
    decoder = OpusDecoder()
    for packet in packets[:60]:
        received = decoder.decode(packet, field="")
    filled = [decoder.decode(WITHOUT_PAYLOAD, field="") for _ in range(6)]
    assert [len(each) for each in filled] == [PACKET_SAMPLES] * 6
    loudness = [float(np.abs(each).max()) for each in (received, *filled)]
    assert loudness[1] > 0.1 * loudness[0]
    assert loudness[-1] < 0.3 * loudness[1]
    assert len(decoder.decode(packets[66], field="")) == PACKET_SAMPLES


FRAMES = [
    pytest.param(1 << 3, 20, 3, id="silk-narrow-band-60-ms-of-20"),
    pytest.param(9 << 3, 20, 6, id="silk-wide-band-120-ms-of-20"),
    pytest.param(11 << 3, 60, 1, id="silk-wide-band-one-of-60"),
    pytest.param(15 << 3, 20, 1, id="hybrid-one-of-20"),
    pytest.param(31 << 3, 20, 2, id="celt-40-ms-of-20"),
    pytest.param(28 << 3 | 4, 2.5, 8, id="celt-stereo-20-ms-of-2.5"),
]


@pytest.mark.parametrize(("first_byte", "frame_ms", "frames"), FRAMES)
@pytest.mark.parametrize("code", range(4))
def test_the_contracts_recipe_for_a_lost_packet_counts_all_of_its_frames(
    first_byte: int, frame_ms: float, frames: int, code: int
) -> None:
    """Whatever the code of the packet before: its first byte with the lowest bits set, and the frames."""
    lost = bytes([first_byte | code | 3, frames])
    samples = round(frame_ms * frames * 48)
    assert opus_packet_samples(lost, field="") == samples
    decoder = OpusDecoder()
    for packet in packets_of(spoken())[:60]:
        received = decoder.decode(packet, field="")
    filled = decoder.decode(lost, field="")
    assert len(filled) == samples
    assert np.isfinite(filled).all()
    if first_byte == 9 << 3:  # as the packets before: concealed, not silent
        assert np.abs(filled[:PACKET_SAMPLES]).max() > 0.1 * np.abs(received).max()


@settings(max_examples=40)
@given(st.data())
def test_damage_inside_of_a_packet_is_heard_not_refused(data: st.DataObject) -> None:
    """Positions stay exact, and what comes after recovers."""
    packets = list(packets_of(spoken()[:40_000]))
    at = data.draw(st.integers(0, 10))
    damaged = packets[at][:1] + data.draw(st.binary(min_size=1, max_size=200))
    sound = decoded(tuple(packets))
    out = decoded((*packets[:at], damaged, *packets[at + 1 :]))
    assert len(out) == len(sound)
    assert np.isfinite(out).all()
    assert np.abs(out).max() <= 1
    np.testing.assert_array_equal(out[: at * PACKET_SAMPLES], sound[: at * PACKET_SAMPLES])
    recovered = slice((at + 25) * PACKET_SAMPLES, None)
    assert np.abs(out[recovered] - sound[recovered]).max() < 0.1


def test_what_is_no_packet_is_refused_and_changes_nothing() -> None:
    packets = packets_of(spoken()[:10_000])
    decoder = OpusDecoder()
    out = []
    for packet in packets:
        for bad in (b"", b"\x03", b"\xff\xff\xff", bytes(1_277)):
            with pytest.raises(InvalidArgument) as caught:
                decoder.decode(bad, field="audio.data")
            assert caught.value.field == "audio.data"
        out.append(decoder.decode(packet, field="audio.data"))
    np.testing.assert_array_equal(np.concatenate(out), decoded(packets))
