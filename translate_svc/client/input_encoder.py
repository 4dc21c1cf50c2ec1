"""A caller's audio -> the bytes of the wire, in pieces of a bounded size."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from translate_svc.audio import codecs
from translate_svc.errors import InvalidArgument
from translate_svc.types import AudioFormat, Encoding

Audio = bytes | bytearray | memoryview | npt.NDArray[Any]
"""Bytes in the declared input format, or samples ``[n]``: floats within [-1, 1], or 16-bit integers."""


class InputEncoder:
    """Encodes for one stream and counts the samples that it handed out."""

    def __init__(self, audio_format: AudioFormat, max_chunk_bytes: int) -> None:
        self._encoding = audio_format.encoding
        self._sample_bytes = codecs.bytes_per_sample(audio_format.encoding, field="config.input.encoding")
        self._piece_bytes = max(max_chunk_bytes // self._sample_bytes, 1) * self._sample_bytes
        self.total_samples = 0

    def chunks(self, audio: Audio) -> Iterator[bytes]:
        """The bytes of ``audio``, cut at whole samples.

        Raises:
            InvalidArgument: torn samples, more than one channel, NaN or infinity, an unsuitable dtype. Raised
                before the first chunk.
        """
        data = self._encode(audio) if isinstance(audio, np.ndarray) else bytes(audio)
        if len(data) % self._sample_bytes:
            raise InvalidArgument(
                f"{len(data)} bytes are no whole number of {self._sample_bytes}-byte samples",
                field="audio.data",
            )
        for start in range(0, len(data), self._piece_bytes):
            piece = data[start : start + self._piece_bytes]
            self.total_samples += len(piece) // self._sample_bytes
            yield piece

    def silence(self, samples: int) -> None:
        """Counts samples that are sent without their bytes."""
        self.total_samples += samples

    def _encode(self, samples: npt.NDArray[Any]) -> bytes:
        if samples.ndim != 1:
            raise InvalidArgument(f"must be mono, shape [n], not {samples.shape}", field="audio.data")
        if samples.dtype == np.int16:
            if self._encoding is Encoding.PCM_S16LE:
                return samples.astype("<i2").tobytes()
            return codecs.encode(samples.astype(np.float32) / np.float32(32768), self._encoding)
        if samples.dtype.kind != "f":
            raise InvalidArgument(f"must be floats or int16, not {samples.dtype}", field="audio.data")
        if not np.isfinite(samples).all():
            raise InvalidArgument("holds NaN or infinity", field="audio.data")
        return codecs.encode(samples.astype(np.float32), self._encoding)
