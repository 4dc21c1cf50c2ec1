"""A caller's audio -> the bytes of the wire, in pieces of a bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from translate_svc.audio.codecs.encoded_chunk import EncodedChunk
from translate_svc.audio.codecs.table import chunk_encoder, codec_of
from translate_svc.audio.pcm import from_s16
from translate_svc.errors import InvalidArgument
from translate_svc.types import AudioFormat, Samples

Audio = bytes | bytearray | memoryview | npt.NDArray[Any]
"""Bytes in the declared input format (one packet, where it has packets), or samples ``[n]``, of several
channels ``[n, channels]``: floats within [-1, 1], or 16-bit integers."""


class InputEncoder:
    """Encodes for one stream and counts the samples that it handed out.

    What does not fill a frame of the codec (Opus: 20 ms) is kept until more comes, or until ``flush``.
    """

    def __init__(self, audio_format: AudioFormat, max_chunk_bytes: int) -> None:
        self._channels = audio_format.channels
        self._max_chunk_bytes = max_chunk_bytes
        self._framing = codec_of(audio_format).framing
        self._encoder = chunk_encoder(audio_format)
        self.total_samples = 0

    def chunks(self, audio: Audio) -> Iterator[bytes]:
        """The bytes of ``audio``, cut at whole samples of all channels, or at packets.

        Raises:
            InvalidArgument: torn samples, what is no packet, another number of channels, NaN or infinity, an
                unsuitable dtype. Raised before the first chunk.
            Unsupported: samples are to be encoded, and the codec's library (PyAV) is not installed.
        """
        if isinstance(audio, np.ndarray):
            yield from self._pieces(self._encoder.encode(self._samples(audio)))
        else:
            yield from self._pieces(self._framing.pack((bytes(audio),)))

    def flush(self) -> Iterator[bytes]:
        """What was kept back, filled up with silence; to be sent before what takes effect at its place."""
        yield from self._pieces(self._encoder.flush())

    def silence(self, samples: int) -> None:
        """Counts samples that are sent without their bytes."""
        self.total_samples += samples

    def _pieces(self, chunk: EncodedChunk) -> Iterator[bytes]:
        parts = self._framing.parts(chunk)
        for part in parts:
            self._count(part)
        for part in parts:
            for piece in self._framing.cut(part, self._channels, self._max_chunk_bytes):
                self.total_samples += self._count(piece)
                yield piece

    def _count(self, part: bytes) -> int:
        return self._framing.count_samples(part, self._channels, field="audio.data")

    def _samples(self, audio: npt.NDArray[Any]) -> Samples:
        if audio.shape[1:] != (() if self._channels == 1 else (self._channels,)) or audio.ndim == 0:
            wanted = "[n]" if self._channels == 1 else f"[n, {self._channels}]"
            raise InvalidArgument(f"must have the shape {wanted}, not {audio.shape}", field="audio.data")
        if audio.dtype == np.int16:
            return from_s16(audio)
        if audio.dtype.kind != "f":
            raise InvalidArgument(f"must be floats or int16, not {audio.dtype}", field="audio.data")
        if not np.isfinite(audio).all():
            raise InvalidArgument("holds NaN or infinity", field="audio.data")
        return audio.astype(np.float32)
