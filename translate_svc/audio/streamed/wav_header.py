"""The header of a WAV file, of which perhaps only the beginning is there."""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO, NamedTuple

from translate_svc.audio.streamed.wide_wav import NO_WIDE_LENGTH, wide_chunks
from translate_svc.errors import InvalidArgument
from translate_svc.types import AudioFormat, Encoding

MAGIC = b"RIFF"
MAX_BYTES = 64 * 1024
"""Of a header: recorders put names and dates before the samples, and some of them pictures."""

_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
_ENCODINGS = {
    (_PCM, 16): Encoding.PCM_S16LE,
    (_FLOAT, 32): Encoding.PCM_F32LE,
    (_ALAW, 8): Encoding.ALAW,
    (_MULAW, 8): Encoding.MULAW,
}
_RIFF_BYTES, _CHUNK_BYTES, _FORMAT_BYTES, _SUBFORMAT_AT = 12, 8, 16, 24
_MAX_CHUNKS = 1_000
_NO_LENGTH = 0x7FFF_0000
"""From here on programs that write WAV into pipes, where they cannot come back, say that they do not know."""


def read_wav_header(head: bytes) -> tuple[AudioFormat, int] | None:
    """The format of the samples, of whose channels the first is chosen, and the place where they begin.

    None: ``head`` does not reach so far.

    Raises:
        InvalidArgument: it is not a WAV file, of samples that are not served, or its header is too long.
    """
    if len(head) >= _RIFF_BYTES and not _is_wav(head):
        raise InvalidArgument("is not a WAV file")
    end, found = _RIFF_BYTES, None
    for name, at, size in _chunks(io.BytesIO(head)):
        if name == b"data":
            if found is None:
                raise InvalidArgument("is a WAV file whose format is missing")
            return found, at
        if name == b"fmt " and len(head) >= at + size:
            found = _format(head[at : at + size])
        end = at + size + size % 2
    if end > MAX_BYTES or len(head) > MAX_BYTES:
        raise InvalidArgument(f"has a WAV header of more than {MAX_BYTES} bytes")
    return None


class StatedWav(NamedTuple):
    """What the header of a WAV file states, or of an RF64 or W64. ``length_s``: of its samples; None if it
    does not know. ``is_followed``: another WAV file begins behind its end, as where two were joined.
    """

    length_s: float | None
    is_followed: bool


def stated_wav(file: BinaryIO) -> StatedWav | None:
    """None if it is no WAV file, or one without samples. ``file`` is read from its beginning."""
    head = file.read(_RIFF_BYTES)
    wide = wide_chunks(file, head)
    if wide is None and not _is_wav(head):
        return None
    no_length = _NO_LENGTH if wide is None else NO_WIDE_LENGTH
    bytes_per_s, found = 0, None
    for name, at, size in islice(wide or _chunks(file), _MAX_CHUNKS):
        if name == b"data" and found is None:
            found = StatedWav(size / bytes_per_s if bytes_per_s and size < no_length else None, False)
            if not found.length_s:
                return found  # nothing tells where it ends
        elif name == b"fmt " and found is None:
            file.seek(at)
            layout = file.read(min(size, _FORMAT_BYTES))
            bytes_per_s = struct.unpack_from("<I", layout, 8)[0] if len(layout) == _FORMAT_BYTES else 0
        elif name == MAGIC and found is not None:
            return found._replace(is_followed=True)
    return found


def _is_wav(head: bytes) -> bool:
    return head[:4] == MAGIC and head[8:12] == b"WAVE"


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Name, place of the content and size of each chunk whose header is there."""
    at = _RIFF_BYTES
    while True:
        file.seek(at)
        header = file.read(_CHUNK_BYTES)
        if len(header) < _CHUNK_BYTES:
            return
        name, size = struct.unpack("<4sI", header)
        yield name, at + _CHUNK_BYTES, size
        at += _CHUNK_BYTES + size + size % 2


def _format(chunk: bytes) -> AudioFormat:
    if len(chunk) < _FORMAT_BYTES:
        raise InvalidArgument("is a WAV file whose format is cut off")
    kind, channels, rate_hz, _, _, bits = struct.unpack_from("<HHIIHH", chunk)
    if kind == _EXTENSIBLE and len(chunk) >= _SUBFORMAT_AT + 2:
        (kind,) = struct.unpack_from("<H", chunk, _SUBFORMAT_AT)
    encoding = _ENCODINGS.get((kind, bits))
    if encoding is None:
        raise InvalidArgument("is a WAV file of samples other than 16-bit, float, A-law or mu-law")
    return AudioFormat(encoding, rate_hz, channels, 1)
