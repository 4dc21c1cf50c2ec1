"""The chunks of WAV files whose sizes have 64 bits, for recordings of more than 4 GB: RF64 and W64."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import BinaryIO

NO_WIDE_LENGTH = 1 << 43
"""From here on a size, in bytes, is not known: who writes into a pipe states far more than a disk holds."""

_RF64, _W64 = b"RF64", b"riff"
_RIFF_BYTES, _DATA_SIZE_AT, _IN_DS64 = 12, 8, 0xFFFF_FFFF
_W64_RIFF_BYTES, _W64_CHUNK_BYTES, _W64_ALIGNED_TO = 40, 24, 8


def wide_chunks(file: BinaryIO, head: bytes) -> Iterator[tuple[bytes, int, int]] | None:
    """Name, place of the content and size of each chunk; None if ``head``, with which ``file`` begins, is of
    another kind of file.
    """
    if head[:4] == _RF64 and head[8:12] == b"WAVE":
        return _rf64_chunks(file)
    return _w64_chunks(file) if head[:4] == _W64 else None


def _rf64_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    at, data_size = _RIFF_BYTES, 0
    while len(header := _read(file, at, 8)) == 8:
        name, size = struct.unpack("<4sI", header)
        at += len(header)
        if name == b"ds64" and len(stated := _read(file, at + _DATA_SIZE_AT, 8)) == 8:
            (data_size,) = struct.unpack("<Q", stated)
        if name == b"data" and size == _IN_DS64:
            size = data_size or NO_WIDE_LENGTH
        yield name, at, size
        if size >= NO_WIDE_LENGTH:
            return
        at += size + size % 2


def _w64_chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    at = _W64_RIFF_BYTES
    while len(header := _read(file, at, _W64_CHUNK_BYTES)) == _W64_CHUNK_BYTES:
        # the name is the beginning of a UUID, and the size is that of the header as well
        name, size = struct.unpack("<4s12xQ", header)
        yield name, at + _W64_CHUNK_BYTES, max(size - _W64_CHUNK_BYTES, 0)
        if not _W64_CHUNK_BYTES <= size < NO_WIDE_LENGTH:
            return
        at += size + -size % _W64_ALIGNED_TO


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)
