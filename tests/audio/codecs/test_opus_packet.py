"""The framing of Opus packets: rule by rule, and against libopus."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate_svc.audio.codecs.opus_library import open_libopus
from translate_svc.audio.codecs.opus_packet import MAX_PACKET_SAMPLES, opus_packet_samples
from translate_svc.errors import InvalidArgument

SILK_20_MS, CELT_2_5_MS, HYBRID_10_MS = 1 << 3, 16 << 3, 12 << 3
ONE, TWO_EQUAL, TWO, MANY = range(4)
VBR, PADDED = 0x80, 0x40


def samples(packet: bytes) -> int:
    return opus_packet_samples(packet, field="audio.data")


def libopus_samples(packet: bytes) -> int | None:
    """What libopus decodes it to; None where it refuses."""
    from av import FFmpegError, Packet

    try:
        return sum(frame.samples for frame in open_libopus("r", 1).decode(Packet(packet)))
    except FFmpegError:
        return None


MALFORMED = {
    "R2: frame of more than 1275 bytes": bytes([SILK_20_MS]) + bytes(1_276),
    "R3: two halves of an odd payload": bytes([SILK_20_MS | TWO_EQUAL]) + bytes(7),
    "R3: two frames of more than 1275 bytes": bytes([SILK_20_MS | TWO_EQUAL]) + bytes(2 * 1_276),
    "R4: no length": bytes([SILK_20_MS | TWO]),
    "R4: half of a length": bytes([SILK_20_MS | TWO, 252]),
    "R4: first frame longer than the packet": bytes([SILK_20_MS | TWO, 9, 1, 2]),
    "R5: no count": bytes([SILK_20_MS | MANY]),
    "R5: no frames": bytes([SILK_20_MS | MANY, 0]) + bytes(10),
    "R5: 140 ms": bytes([SILK_20_MS | MANY, 7]) + bytes(7),
    "R5: 122.5 ms": bytes([CELT_2_5_MS | MANY, 49]) + bytes(49),
    "R6: payload that three frames cannot share": bytes([SILK_20_MS | MANY, 3]) + bytes(4),
    "R6: more padding than packet": bytes([SILK_20_MS | MANY, PADDED | 1, 9]) + bytes(4),
    "R6: padding without a length": bytes([SILK_20_MS | MANY, PADDED | 1]),
    "R7: lengths beyond the packet": bytes([SILK_20_MS | MANY, VBR | 3, 2, 2]) + bytes(3),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed(case: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        samples(MALFORMED[case])
    assert caught.value.field == "audio.data"
    assert libopus_samples(MALFORMED[case]) is None


@st.composite
def packets(draw: st.DrawFn) -> bytes:
    """Bytes that look like packets: short, of code 3 more often than not."""
    toc = draw(st.integers(0, 255)) | draw(st.sampled_from([0, MANY]))
    head = bytes([toc, draw(st.integers(0, 255))]) if draw(st.booleans()) else bytes([toc])
    return head + draw(st.binary(max_size=40)) + bytes(draw(st.sampled_from([0, 0, 255, 1_300])))


@given(packets())
def test_libopus_lets_through_the_same_packets_and_decodes_them_to_the_same_length(packet: bytes) -> None:
    try:
        expected: int | None = samples(packet)
    except InvalidArgument:
        expected = None
    assert expected is None or 120 <= expected <= MAX_PACKET_SAMPLES
    assert libopus_samples(packet) == expected


def test_so_it_does_for_every_packet_of_one_or_two_bytes() -> None:
    context = open_libopus("r", 1)
    from av import FFmpegError, Packet

    heads = itertools.chain(
        (bytes([toc]) for toc in range(256)),
        (bytes([toc, count]) for toc in range(0, 256, 5) for count in range(256)),
    )
    for packet in heads:
        try:
            decoded: int | None = sum(frame.samples for frame in context.decode(Packet(packet)))
        except FFmpegError:
            decoded = None
        try:
            framed: int | None = samples(packet)
        except InvalidArgument:
            framed = None
        assert framed == decoded, packet
