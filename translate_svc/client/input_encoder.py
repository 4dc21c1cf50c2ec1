"""A caller's audio -> the bytes of the wire, in pieces of a bounded size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from translate_svc.audio.chunk_encoder import chunk_encoder
from translate_svc.audio.encoded_chunk import EncodedChunk
from translate_svc.audio.opus_packet import opus_packet_samples
from translate_svc.audio.pcm import from_s16
from translate_svc.audio.sample_codec import bytes_per_frame
from translate_svc.errors import InvalidArgument
from translate_svc.types import AudioFormat, Encoding, Samples

Audio = bytes | bytearray | memoryview | npt.NDArray[Any]
"""Bytes in the declared input format (Opus: one packet), or samples ``[n]``, of several channels
``[n, channels]``: floats within [-1, 1], or 16-bit integers."""


class InputEncoder:
    """Encodes for one stream and counts the samples that it handed out.

    Opus goes in whole packets of 20 ms: what does not fill one is kept until more comes, or until ``flush``.
    """

    def __init__(self, audio_format: AudioFormat, max_chunk_bytes: int) -> None:
        self._channels = audio_format.channels
        self._opus = audio_format.encoding is Encoding.OPUS
        self._frame_bytes = 1 if self._opus else bytes_per_frame(audio_format)
        self._piece_bytes = max(max_chunk_bytes // self._frame_bytes, 1) * self._frame_bytes
        self._encoder = chunk_encoder(audio_format)
        self.total_samples = 0

    def chunks(self, audio: Audio) -> Iterator[bytes]:
        """The bytes of ``audio``, cut at whole samples of all channels, or at packets.

        Raises:
            InvalidArgument: torn samples, what is no Opus packet, another number of channels, NaN or
                infinity, an unsuitable dtype. Raised before the first chunk.
            Unsupported: samples are to be sent as Opus, and PyAV is not installed.
        """
        if isinstance(audio, np.ndarray):
            yield from self._pieces(self._encoder.encode(self._samples(audio)))
        elif self._opus:
            yield from self._counted([bytes(audio)])
        else:
            yield from self._pieces(EncodedChunk(bytes(audio)))

    def flush(self) -> Iterator[bytes]:
        """What was kept back, filled up with silence; to be sent before what takes effect at its place."""
        yield from self._pieces(self._encoder.flush())

    def silence(self, samples: int) -> None:
        """Counts samples that are sent without their bytes."""
        self.total_samples += samples

    def _pieces(self, chunk: EncodedChunk) -> Iterator[bytes]:
        if self._opus:
            return self._counted(chunk.packets)
        data = chunk.data
        if len(data) % self._frame_bytes:
            raise InvalidArgument(
                f"{len(data)} bytes are no whole number of {self._frame_bytes}-byte samples",
                field="audio.data",
            )
        return self._counted(
            data[start : start + self._piece_bytes] for start in range(0, len(data), self._piece_bytes)
        )

    def _counted(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            if self._opus:
                self.total_samples += opus_packet_samples(piece, field="audio.data")
            else:
                self.total_samples += len(piece) // self._frame_bytes
            yield piece

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
