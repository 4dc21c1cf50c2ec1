"""FLAC whose bytes come in pieces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from translate_svc.audio.codecs import ffmpeg_codec
from translate_svc.audio.streamed.audio_parts import PART_BYTES
from translate_svc.errors import InvalidArgument, Unsupported
from translate_svc.types import SAMPLES_ENCODING, AudioFormat, Samples

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext
    from av.audio.frame import AudioFrame
    from av.packet import Packet

MAGIC = b"fLaC"
HEAD_BYTES = 42
"""The magic number, and the block that every file begins with (RFC 9639, 8.2)."""
_RATE_AT = 18
_BLOCK_HEADER_BYTES, _LAST_BLOCK = 4, 0x80
_DECODED_BYTES = 4_096
"""Of the file, decoded at a time: other streams wait meanwhile."""


class _Metadata:
    """The blocks before the frames. The decoder would take the first frame for one of them."""

    def __init__(self) -> None:
        self._header = b""
        self._left = len(MAGIC)
        self._is_last = False

    def skip(self, data: bytes) -> bytes:
        """What of ``data`` is not metadata. Nothing is kept: a block may be a picture of megabytes."""
        while data and not (self._is_last and not self._left):
            skipped, data = data[: self._left], data[self._left :]
            self._left -= len(skipped)
            if self._left or self._is_last:
                continue
            missing = _BLOCK_HEADER_BYTES - len(self._header)
            self._header, data = self._header + data[:missing], data[missing:]
            if len(self._header) == _BLOCK_HEADER_BYTES:
                self._is_last = bool(self._header[0] & _LAST_BLOCK)
                self._left, self._header = int.from_bytes(self._header[1:]), b""
        return data


class FlacParts:
    """The ``AudioParts`` of a FLAC file, of whose channels the first is heard. FFmpeg finds its frames."""

    def __init__(self, head: bytes) -> None:
        """``head``: at least ``HEAD_BYTES`` of the file, which are pushed as well.

        Raises:
            Unsupported: PyAV is not installed.
        """
        if not ffmpeg_codec.installed():
            raise Unsupported(ffmpeg_codec.missing("FLAC"))
        self.format = AudioFormat(SAMPLES_ENCODING, int.from_bytes(head[_RATE_AT : _RATE_AT + 3]) >> 4)
        self._metadata = _Metadata()
        self._context: AudioCodecContext | None = None

    def push(self, data: bytes) -> Iterator[bytes]:
        """Implements ``AudioParts.push``."""
        data = self._metadata.skip(data)
        for start in range(0, len(data), _DECODED_BYTES):
            for packet in self._parser().parse(data[start : start + _DECODED_BYTES]):
                yield from self._decoded(packet)

    def flush(self) -> Iterator[bytes]:
        """Implements ``AudioParts.flush``. FFmpeg holds ten frames, since they tell it where frames begin."""
        while packets := self._parser().parse(None):
            for packet in packets:
                yield from self._decoded(packet)

    def _parser(self) -> AudioCodecContext:
        from av import AudioCodecContext

        if self._context is None:
            self._context = AudioCodecContext.create("flac", "r")
        return self._context

    def _decoded(self, packet: Packet[Any]) -> Iterator[bytes]:
        from av import FFmpegError

        try:
            frames = self._parser().decode(packet)
        except FFmpegError:
            raise InvalidArgument("is not FLAC") from None
        for frame in frames:
            encoded = self._first_channel(frame).astype("<f4").tobytes()
            yield from (encoded[at : at + PART_BYTES] for at in range(0, len(encoded), PART_BYTES))

    def _first_channel(self, frame: AudioFrame) -> Samples:
        if frame.sample_rate != self.format.sample_rate_hz:
            raise InvalidArgument("is FLAC that changes its rate")
        values: Any = frame.to_ndarray()
        if not frame.format.is_planar:
            values = values.reshape(-1, frame.layout.nb_channels).T
        samples: Samples = values[0].astype(np.float32) / -float(np.iinfo(values.dtype).min)
        return samples
