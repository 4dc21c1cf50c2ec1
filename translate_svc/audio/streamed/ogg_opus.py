"""Opus in Ogg (RFC 7845, RFC 3533), read and written page by page."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace

from translate_svc.audio.codecs.table import CODECS
from translate_svc.errors import InvalidArgument
from translate_svc.types import AudioFormat, Encoding

MAGIC = b"OggS"
MAX_PACKET_BYTES = 128 * 1024
"""Of one packet: those of Opus are far shorter, but tags may hold a picture."""

_CODEC = CODECS[Encoding.OPUS]
OPUS = AudioFormat(Encoding.OPUS, _CODEC.sample_rate_hz or 0)
"""The format of mono packets."""
_PAGE = struct.Struct("<4sBBqIIIB")
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_LACED, _MAX_SEGMENTS = 255, 255
_HEAD = struct.Struct("<8sBBHIhB")
_HEADERS = 2
"""The first packets: what it is, and its tags."""


def read_opus_head(head: bytes) -> AudioFormat | None:
    """The format of a file; None: ``head`` does not reach so far.

    Raises:
        InvalidArgument: it is not Opus in Ogg, or has more than two channels.
    """
    if len(head) < _PAGE.size + 1:
        return None
    start = _PAGE.size + head[_PAGE.size - 1]
    if len(head) < start + _HEAD.size:
        return None
    magic, _, channels, _, _, _, family = _HEAD.unpack_from(head, start)
    if head[:4] != MAGIC or magic != b"OpusHead":
        raise InvalidArgument("is not Opus in Ogg")
    if family or channels not in (1, 2):
        raise InvalidArgument("has more than two channels")
    return replace(OPUS, channels=channels, channel=1)


class OggOpusParts:
    """The ``AudioParts`` of a file of one stream: its chunks are packets."""

    def __init__(self, audio_format: AudioFormat) -> None:
        """``audio_format``: as ``read_opus_head`` found it."""
        self.format = audio_format
        self._bytes = bytearray()
        self._packet = bytearray()
        self._packets = 0

    def push(self, data: bytes) -> Iterator[bytes]:
        """Implements ``AudioParts.push``."""
        self._bytes += data
        while (page := self._next_page()) is not None:
            for packet in self._packets_of(*page):
                self._packets += 1
                if self._packets > _HEADERS and packet:
                    _CODEC.framing.count_samples(packet, 1, field="")
                    yield packet

    def _next_page(self) -> tuple[bytes, bytes] | None:
        """The lengths of the segments of the next page, and its body; None: it is not there yet."""
        held = self._bytes
        if len(held) < _PAGE.size:
            return None
        if held[:4] != MAGIC or held[4]:
            raise InvalidArgument("is not Ogg")
        body = _PAGE.size + held[_PAGE.size - 1]
        lengths = bytes(held[_PAGE.size : body])
        end = body + sum(lengths)
        if len(held) < end:
            return None
        page = lengths, bytes(held[body:end])
        del held[:end]
        return page

    def _packets_of(self, lengths: bytes, body: bytes) -> Iterator[bytes]:
        at = 0
        for length in lengths:
            self._packet += body[at : at + length]
            at += length
            if len(self._packet) > MAX_PACKET_BYTES:
                raise InvalidArgument(f"holds a packet of more than {MAX_PACKET_BYTES} bytes")
            if length < _LACED:
                yield bytes(self._packet)
                self._packet.clear()

    def flush(self) -> Iterator[bytes]:
        """Implements ``AudioParts.flush``: there are none."""
        return iter(())


class OggOpusWriter:
    """Puts the packets of a mono stream into pages."""

    def __init__(self) -> None:
        self._pages = 0
        self._samples = 0

    def write(self, packets: Iterable[bytes]) -> bytes:
        """The next pages, each with as many packets as fit; the headers are before the first ones."""
        written = b"" if self._pages else self._headers()
        lengths, body = bytearray(), bytearray()
        for packet in packets:
            laced = bytes([_LACED] * (len(packet) // _LACED) + [len(packet) % _LACED])
            if len(lengths) + len(laced) > _MAX_SEGMENTS:
                written += self._page(lengths, body)
                lengths, body = bytearray(), bytearray()
            lengths += laced
            body += packet
            self._samples += _CODEC.framing.count_samples(packet, 1, field="")
        return written + self._page(lengths, body) if lengths else written

    def finish(self) -> bytes:
        """The page that ends the stream."""
        return self.write(()) + self._page(b"", b"", _LAST)

    def _headers(self) -> bytes:
        vendor = b"translate-svc"
        head = _HEAD.pack(b"OpusHead", 1, 1, _CODEC.lookahead_samples, OPUS.sample_rate_hz, 0, 0)
        tags = b"OpusTags" + struct.pack("<I", len(vendor)) + vendor + bytes(4)
        return self._page(bytes([len(head)]), head, _FIRST) + self._page(bytes([len(tags)]), tags)

    def _page(self, lengths: bytes | bytearray, body: bytes | bytearray, kind: int = 0) -> bytes:
        fields = (MAGIC, 0, kind, self._samples, 1, self._pages)
        self._pages += 1
        rest = bytes(lengths) + bytes(body)
        checksum = _checksum(_PAGE.pack(*fields, 0, len(lengths)) + rest)
        return _PAGE.pack(*fields, checksum, len(lengths)) + rest


def _table() -> tuple[int, ...]:
    """The CRC of each byte by Ogg's polynomial, which no library of Python's has."""
    table = []
    for byte in range(256):
        crc = byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
        table.append(crc)
    return tuple(table)


_CRC = _table()


def _checksum(page: bytes) -> int:
    crc = 0
    for byte in page:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _CRC[crc >> 24 ^ byte]
    return crc
