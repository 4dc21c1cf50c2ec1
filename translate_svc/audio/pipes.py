"""Media from a pipe, which can be read once and forwards only."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

from translate_svc.errors import InvalidArgument

_HEAD_BYTES = 64 * 1024
_INDEX, _MEDIA = b"moov", b"mdat"
_LONG_SIZE = 1
_HEADER_BYTES, _LONG_HEADER_BYTES = 8, 16


def readable_pipe(source: BinaryIO, name: str) -> BinaryIO:
    """``source`` itself, or a stream with the same bytes.

    Raises:
        InvalidArgument: it cannot seek, and holds an MP4 file whose index follows the media. Names
            ``name``.
    """
    if source.seekable():
        return source
    head = _read_head(source)
    if _is_indexed_at_end(head):
        message = (
            "is an MP4 file whose index stands at its end, so it cannot be read from a pipe: give the file's"
            " name, or move the index with ffmpeg -movflags +faststart"
        )
        raise InvalidArgument(message, field=name)
    return RejoinedPipe(head, source)


def _read_head(source: BinaryIO) -> bytes:
    parts = []
    missing = _HEAD_BYTES
    while missing > 0 and (part := source.read(missing)):
        parts.append(part)
        missing -= len(part)
        if not (parts[0][4:8] == b"ftyp" or len(parts[0]) < _HEADER_BYTES):
            break  # no MP4 file: do not wait for more of a live stream
    return b"".join(parts)


def _is_indexed_at_end(head: bytes) -> bool:
    """Whether the top boxes of ISO 14496-12 begin with the media (``mdat``) before the index (``moov``)."""
    kinds = [kind for kind in _boxes(io.BytesIO(head)) if kind in (_INDEX, _MEDIA)]
    return kinds[:1] == [_MEDIA]


def is_cut_off(file: BinaryIO) -> bool:
    """Whether it is an MP4 file without an index, as one whose recording or download did not end."""
    kinds = list(_boxes(file))
    return bool(kinds) and _INDEX not in kinds


def _boxes(file: BinaryIO) -> Iterator[bytes]:
    """The kinds of the top boxes, if it begins as an MP4 file does, as far as it goes."""
    while len(header := file.read(_HEADER_BYTES)) == _HEADER_BYTES:
        size, kind = int.from_bytes(header[:4]), header[4:]
        if file.tell() == _HEADER_BYTES and kind != b"ftyp":
            return
        yield kind
        read = _HEADER_BYTES
        if size == _LONG_SIZE:
            size = int.from_bytes(file.read(_LONG_HEADER_BYTES - _HEADER_BYTES))
            read = _LONG_HEADER_BYTES
        if size < read:
            return
        file.seek(size - read, io.SEEK_CUR)


class RejoinedPipe(io.RawIOBase, BinaryIO):
    """Bytes that were read already, then the rest of the pipe.

    Attributes:
        head: these bytes.
    """

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        super().__init__()
        self.head = head
        self._heads = deque([head] if head else [])
        self._rest = rest

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        if not self._heads:
            return self._rest.read(size)
        head = self._heads.popleft()
        if 0 <= size < len(head):
            self._heads.appendleft(head[size:])
            head = head[:size]
        return head
