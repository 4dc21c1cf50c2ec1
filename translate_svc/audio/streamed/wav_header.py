"""The header of a WAV file, of which only the beginning is there."""

from __future__ import annotations

import struct

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


def read_wav_header(head: bytes) -> tuple[AudioFormat, int] | None:
    """The format of the samples, of whose channels the first is chosen, and the place where they begin.

    None: ``head`` does not reach so far.

    Raises:
        InvalidArgument: it is not a WAV file, of samples that are not served, or its header is too long.
    """
    if len(head) >= _RIFF_BYTES and (head[:4] != MAGIC or head[8:12] != b"WAVE"):
        raise InvalidArgument("is not a WAV file")
    at, found = _RIFF_BYTES, None
    while len(head) >= at + _CHUNK_BYTES:
        name, size = head[at : at + 4], int.from_bytes(head[at + 4 : at + 8], "little")
        at += _CHUNK_BYTES
        if name == b"data":
            if found is None:
                raise InvalidArgument("is a WAV file whose format is missing")
            return found, at
        if name == b"fmt " and len(head) >= at + size:
            found = _format(head[at : at + size])
        at += size + size % 2
    if at > MAX_BYTES or len(head) > MAX_BYTES:
        raise InvalidArgument(f"has a WAV header of more than {MAX_BYTES} bytes")
    return None


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
