"""Encodings without state between samples: linear PCM and G.711."""

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
    """One encoding: wire values have ``dtype``; both functions take arrays of any shape."""

    dtype: np.dtype[Any]
    from_wire: _FromWire
    to_wire: Callable[[Samples], npt.NDArray[Any]]


def _always_valid(convert: Callable[[npt.NDArray[Any]], Samples]) -> _FromWire:
    """For an encoding in which every value is valid."""

    def from_wire(values: npt.NDArray[Any], *, field: str) -> Samples:
        return convert(values)

    return from_wire


PCM_S16LE = SampleValues(np.dtype("<i2"), _always_valid(pcm.from_s16), pcm.to_s16)
PCM_F32LE = SampleValues(np.dtype("<f4"), pcm.from_f32, pcm.to_f32)
MULAW = SampleValues(np.dtype("u1"), _always_valid(g711.from_mulaw), g711.to_mulaw)
ALAW = SampleValues(np.dtype("u1"), _always_valid(g711.from_alaw), g711.to_alaw)


class SampleDecoder:
    """Decodes the chosen channel and ignores the others. Keeps no state between chunks."""

    def __init__(self, values: SampleValues, framing: ByteFraming, audio_format: AudioFormat) -> None:
        self._values = values
        self._framing = framing
        self._channels = audio_format.channels
        self._index = max(audio_format.channel, 1) - 1

    def decode(self, data: bytes, *, field: str) -> Samples:
        """Decodes whole samples of all channels to samples ``[n]``, finite and within [-1, 1]; n may be 0.

        Raises ``InvalidArgument``, naming ``field``, for incomplete samples, and for floats that are NaN,
        infinite or in another scale.
        """
        self._framing.count_samples(data, self._channels, field=field)
        values = np.frombuffer(data, self._values.dtype).reshape(-1, self._channels)
        return self._values.from_wire(values[:, self._index], field=field)


class SampleEncoder:
    """Encodes every sample at once; keeps no state."""

    def __init__(self, values: SampleValues) -> None:
        self._values = values

    def encode(self, samples: Samples) -> EncodedChunk:
        """Encodes samples ``[n]``, or ``[n, channels]``. Integers and G.711 are clipped."""
        return EncodedChunk(data=self._values.to_wire(samples).tobytes(), sample_count=len(samples))

    def flush(self) -> EncodedChunk:
        """Returns an empty chunk: nothing is kept."""
        return EncodedChunk()
