"""Encodings in which every sample stands alone: linear PCM and G.711."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from translate_svc.audio import pcm
from translate_svc.audio.codecs import g711
from translate_svc.audio.codecs.encoded_chunk import EncodedChunk
from translate_svc.audio.codecs.framing import ByteFraming
from translate_svc.types import AudioFormat, Samples


class _FromWire(Protocol):
    def __call__(self, values: npt.NDArray[Any], *, field: str) -> Samples: ...


@dataclass(frozen=True, slots=True)
class SampleValues:
    """Values of the wire have ``dtype``; both functions take any shape."""

    dtype: np.dtype[Any]
    from_wire: _FromWire
    to_wire: Callable[[Samples], npt.NDArray[Any]]


def _never_wrong(convert: Callable[[npt.NDArray[Any]], Samples]) -> _FromWire:
    """Of an encoding in which no value is wrong."""

    def from_wire(values: npt.NDArray[Any], *, field: str) -> Samples:
        return convert(values)

    return from_wire


PCM_S16LE = SampleValues(np.dtype("<i2"), _never_wrong(pcm.from_s16), pcm.to_s16)
PCM_F32LE = SampleValues(np.dtype("<f4"), pcm.from_f32, pcm.to_f32)
MULAW = SampleValues(np.dtype("u1"), _never_wrong(g711.from_mulaw), g711.to_mulaw)
ALAW = SampleValues(np.dtype("u1"), _never_wrong(g711.from_alaw), g711.to_alaw)


class SampleDecoder:
    """Decodes to the channel to hear; the others are not looked at. Keeps nothing from chunk to chunk."""

    def __init__(self, values: SampleValues, framing: ByteFraming, audio_format: AudioFormat) -> None:
        self._values = values
        self._framing = framing
        self._channels = audio_format.channels
        self._index = max(audio_format.channel, 1) - 1

    def decode(self, data: bytes, *, field: str) -> Samples:
        """Samples ``[n]``, finite and within [-1, 1], of whole samples of all channels; possibly none.

        Raises ``InvalidArgument`` that names ``field``: torn samples; floats that are NaN, infinite or in
        another scale.
        """
        self._framing.count_samples(data, self._channels, field=field)
        values = np.frombuffer(data, self._values.dtype).reshape(-1, self._channels)
        return self._values.from_wire(values[:, self._index], field=field)


class SampleEncoder:
    """Encodes every sample at once; keeps nothing."""

    def __init__(self, values: SampleValues) -> None:
        self._values = values

    def encode(self, samples: Samples) -> EncodedChunk:
        """The bytes of samples ``[n]``, or ``[n, channels]``; integers and G.711 clip."""
        return EncodedChunk(data=self._values.to_wire(samples).tobytes(), sample_count=len(samples))

    def flush(self) -> EncodedChunk:
        """Nothing."""
        return EncodedChunk()
