"""Parses the framing of Opus packets (RFC 6716, section 3) without a decoder."""

from __future__ import annotations

from translate_svc.audio.codecs.framing import PacketFraming
from translate_svc.errors import InvalidArgument

OPUS_SAMPLE_RATE_HZ = 48_000
"""The rate in which Opus counts samples, whatever its bandwidth."""

MAX_PACKET_SAMPLES = 5_760
"""120 ms, the longest packet [R5]."""

_MAX_FRAME_BYTES = 1_275
_SILK_FRAME_SAMPLES = (480, 960, 1_920, 2_880)
_HYBRID_FRAME_SAMPLES = (480, 960)
_CELT_FRAME_SAMPLES = (120, 240, 480, 960)


class _MalformedError(Exception):
    """The packet breaks one of the rules [R1] to [R7]."""


def opus_packet_samples(packet: bytes, *, field: str) -> int:
    """Samples per channel at 48 kHz that ``packet`` decodes to: 120 to 5760.

    They follow from its framing alone, so they are known and bounded before decoding. The content of frames
    is not checked; frames may be empty (discontinuous transmission, or lost).

    Raises:
        InvalidArgument: the packet is empty or breaks the RFC's framing rules. Names ``field``.
    """
    if not packet:
        raise InvalidArgument("is empty: an Opus packet has at least one byte", field=field)
    try:
        return _frame_samples(packet[0] >> 3) * _check_frames(packet)
    except (_MalformedError, IndexError):
        raise InvalidArgument("is not one Opus packet", field=field) from None


def _frame_samples(configuration: int) -> int:
    """Samples in one frame, from the first five bits of a packet (RFC 6716, table 2)."""
    if configuration < 12:
        return _SILK_FRAME_SAMPLES[configuration % 4]
    if configuration < 16:
        return _HYBRID_FRAME_SAMPLES[configuration % 2]
    return _CELT_FRAME_SAMPLES[configuration % 4]


def _check_frames(packet: bytes) -> int:
    """Number of frames in the packet. Raises ``IndexError`` if it ends too early."""
    code = packet[0] & 0x3
    if code == 0:
        _check(len(packet) - 1 <= _MAX_FRAME_BYTES)
        return 1
    if code == 1:
        _check_equal_frames(len(packet) - 1, 2)
        return 2
    if code == 2:
        first_bytes, position = _frame_bytes(packet, 1)
        _check(0 <= len(packet) - position - first_bytes <= _MAX_FRAME_BYTES)
        return 2
    return _check_many_frames(packet)


def _check_many_frames(packet: bytes) -> int:
    """Code 3: a count of frames of equal or of different size, and padding."""
    variable, padded, count = packet[1] & 0x80, packet[1] & 0x40, packet[1] & 0x3F
    _check(count >= 1 and count * _frame_samples(packet[0] >> 3) <= MAX_PACKET_SAMPLES)
    position, end = 2, len(packet)
    while padded:
        # 255 means 254 bytes of padding, and one more length byte follows
        end -= min(packet[position], 254)
        padded = packet[position] == 255
        position += 1
    if not variable:
        _check_equal_frames(end - position, count)
        return count
    for _ in range(count - 1):
        size, position = _frame_bytes(packet, position)
        end -= size
    _check(0 <= end - position <= _MAX_FRAME_BYTES)
    return count


def _check_equal_frames(payload_bytes: int, count: int) -> None:
    _check(payload_bytes >= 0 and payload_bytes % count == 0 and payload_bytes // count <= _MAX_FRAME_BYTES)


def _frame_bytes(packet: bytes, position: int) -> tuple[int, int]:
    """A frame's length, coded in one or two bytes (section 3.2.1), and the position after them."""
    first = packet[position]
    if first < 252:
        return first, position + 1
    return first + 4 * packet[position + 1], position + 2


def _check(holds: bool) -> None:
    if not holds:
        raise _MalformedError


OPUS_FRAMING = PacketFraming(opus_packet_samples)
