"""Encodings in which every sample stands alone: linear PCM and G.711."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from translate_svc.audio import g711, pcm
from translate_svc.audio.encoded_chunk import EncodedChunk
from translate_svc.errors import InvalidArgument
from translate_svc.types import AudioFormat, Encoding, Samples


class _FromWire(Protocol):
    def __call__(self, values: npt.NDArray[Any], *, field: str) -> Samples: ...


@dataclass(frozen=True, slots=True)
class _SampleCodec:
    """Values of the wire have ``dtype``; both functions take any shape."""

    dtype: np.dtype[Any]
    from_wire: _FromWire
    to_wire: Callable[[Samples], npt.NDArray[Any]]


def _never_wrong(convert: Callable[[npt.NDArray[Any]], Samples]) -> _FromWire:
    """Of an encoding in which no value is wrong."""

    def from_wire(values: npt.NDArray[Any], *, field: str) -> Samples:
        return convert(values)

    return from_wire


_CODECS = {
    Encoding.PCM_S16LE: _SampleCodec(np.dtype("<i2"), _never_wrong(pcm.from_s16), pcm.to_s16),
    Encoding.PCM_F32LE: _SampleCodec(np.dtype("<f4"), pcm.from_f32, pcm.to_f32),
    Encoding.MULAW: _SampleCodec(np.dtype("u1"), _never_wrong(g711.from_mulaw), g711.to_mulaw),
    Encoding.ALAW: _SampleCodec(np.dtype("u1"), _never_wrong(g711.from_alaw), g711.to_alaw),
}


def bytes_per_frame(audio_format: AudioFormat) -> int:
    """Bytes of one sample of all channels. Not for Opus."""
    return _CODECS[audio_format.encoding].dtype.itemsize * audio_format.channels


class SampleDecoder:
    """Decodes to the channel to hear; the others are not looked at. Keeps nothing from chunk to chunk."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._codec = _CODECS[audio_format.encoding]
        self._channels = audio_format.channels
        self._index = max(audio_format.channel, 1) - 1
        self._frame_bytes = bytes_per_frame(audio_format)

    def decode(self, data: bytes, *, field: str) -> Samples:
        """Samples ``[n]``, finite and within [-1, 1], of whole samples of all channels; possibly none.

        Raises ``InvalidArgument`` that names ``field``: torn samples; floats that are NaN, infinite or in
        another scale.
        """
        if len(data) % self._frame_bytes:
            raise InvalidArgument(
                f"{len(data)} bytes are no whole number of {self._frame_bytes}-byte samples", field=field
            )
        values = np.frombuffer(data, self._codec.dtype).reshape(-1, self._channels)
        return self._codec.from_wire(values[:, self._index], field=field)


class SampleEncoder:
    """Encodes every sample at once; keeps nothing."""

    def __init__(self, audio_format: AudioFormat) -> None:
        self._codec = _CODECS[audio_format.encoding]

    def encode(self, samples: Samples) -> EncodedChunk:
        """The bytes of samples ``[n]``, or ``[n, channels]``; integers and G.711 clip."""
        return EncodedChunk(data=self._codec.to_wire(samples).tobytes(), sample_count=len(samples))

    def flush(self) -> EncodedChunk:
        """Nothing."""
        return EncodedChunk()
