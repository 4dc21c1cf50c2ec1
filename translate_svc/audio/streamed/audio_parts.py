"""Audio whose bytes come in pieces, cut anywhere, as the chunks that a stream takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from translate_svc.audio.codecs.framing import ByteFraming
from translate_svc.audio.codecs.table import codec_of
from translate_svc.types import AudioFormat

PART_BYTES = 16 * 1024
"""Of one chunk at most: half a second of 16-bit samples at 16 kHz."""


class AudioParts(Protocol):
    """Makes chunks in ``format`` of one stream's bytes. Each stream has its own."""

    @property
    def format(self) -> AudioFormat:
        """What the chunks are in."""

    def push(self, data: bytes) -> Iterator[bytes]:
        """The chunks that are complete with ``data``.

        Raises:
            InvalidArgument: the bytes are not what they claim to be. Names no field.
            Unsupported: the codec's library is not installed.
        """

    def flush(self) -> Iterator[bytes]:
        """The chunks that were held back. Nothing may be pushed afterwards."""


class RawParts:
    """Samples without a header. One that is cut apart waits for its rest; at the end it is dropped."""

    def __init__(self, audio_format: AudioFormat) -> None:
        """``audio_format``: of an encoding that consists of bytes."""
        self.format = audio_format
        framing = codec_of(audio_format).framing
        assert isinstance(framing, ByteFraming), "packets are not cut apart"
        self._framing = framing
        self._left = b""

    def push(self, data: bytes) -> Iterator[bytes]:
        """Implements ``AudioParts.push``."""
        channels = self.format.channels
        data = self._left + data
        whole = len(data) - len(data) % (self._framing.block_bytes * channels)
        self._left = data[whole:]
        return self._framing.cut(data[:whole], channels, PART_BYTES)

    def flush(self) -> Iterator[bytes]:
        """Implements ``AudioParts.flush``: there are none."""
        return iter(())
