"""Converts a program's audio to the bytes of the wire, in chunks of a bounded size."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import numpy.typing as npt

from translate_svc.audio.codecs.encoded_chunk import EncodedChunk
from translate_svc.audio.codecs.table import chunk_encoder, codec_of
from translate_svc.audio.mixer import Downmix
from translate_svc.audio.pcm import check_floats, from_s16
from translate_svc.errors import InvalidArgument
from translate_svc.types import AudioFormat, Samples

Audio = bytes | bytearray | memoryview | npt.NDArray[Any]
"""Bytes in the declared input format (one packet, if the format has packets), or samples: ``[n]`` for one
channel, ``[n, channels]`` for several. Samples are floats within [-1, 1] or 16-bit integers. Several channels
for a stream of one are averaged (``Downmix``); to send them all and choose one, declare them in the stream's
format.
"""

_MAX_AVERAGED_CHANNELS = 8


class InputEncoder:
    """Encodes the audio of one stream and counts the samples that it returns.

    Audio that does not fill a frame of the codec (Opus: 20 ms) is kept until more comes, or until ``flush``.
    """

    def __init__(self, audio_format: AudioFormat, max_chunk_bytes: int) -> None:
        self._channels = audio_format.channels
        self._max_chunk_bytes = max_chunk_bytes
        self._framing = codec_of(audio_format).framing
        self._encoder = chunk_encoder(audio_format)
        self._downmix = Downmix()
        self._is_cutting = False
        self.total_samples = 0

    def chunks(self, audio: Audio) -> Generator[bytes]:
        """The bytes of ``audio``, cut between samples (of all channels) or between packets.

        Raises:
            InvalidArgument: it is neither bytes nor an array, a sample is incomplete, a packet is not valid,
                or an array has the wrong number of channels, the wrong dtype or scale, NaN or infinity.
                Raised before the first chunk.
            Unsupported: samples need encoding, and the codec's library (PyAV) is not installed.
        """
        if isinstance(audio, np.ndarray):
            yield from self._cut(self._encoder.encode(self._samples(audio)))
        else:
            yield from self._cut(self._framing.pack((_as_bytes(audio),)))

    def flush(self) -> Generator[bytes]:
        """The audio that was kept, padded with silence. Send it before a message that has a position.

        Nothing while ``chunks`` has chunks to give and is not closed: what is kept comes after these.
        """
        if not self._is_cutting:
            yield from self._cut(self._encoder.flush())

    def silence(self, samples: int) -> None:
        """Counts samples of silence, which are sent without their bytes."""
        self.total_samples += samples

    def _cut(self, encoded: EncodedChunk) -> Generator[bytes]:
        parts = self._framing.parts(encoded)
        for part in parts:
            self._count(part)
        self._is_cutting = True
        try:
            for part in parts:
                for chunk in self._framing.cut(part, self._channels, self._max_chunk_bytes):
                    self.total_samples += self._count(chunk)
                    yield chunk
        finally:
            self._is_cutting = False

    def _count(self, part: bytes) -> int:
        return self._framing.count_samples(part, self._channels, field="audio.data")

    def _samples(self, audio: npt.NDArray[Any]) -> Samples:
        averaged = self._channels == 1 and audio.ndim == 2 and 0 < audio.shape[1] <= _MAX_AVERAGED_CHANNELS
        wanted_shape = () if self._channels == 1 else (self._channels,)
        if audio.ndim == 0 or (audio.shape[1:] != wanted_shape and not averaged):
            wanted = "[n]" if self._channels == 1 else f"[n, {self._channels}]"
            raise InvalidArgument(f"must have the shape {wanted}, not {audio.shape}", field="audio.data")
        if audio.dtype == np.int16:
            audio = from_s16(audio)
        if audio.dtype.kind != "f":
            raise InvalidArgument(f"must be floats or int16, not {audio.dtype}", field="audio.data")
        check_floats(audio, field="audio.data")
        samples: Samples = audio.astype(np.float32)
        if averaged and samples.shape[1] == 2:
            return self._downmix.mix(samples.T)
        return samples.mean(axis=1) if averaged else samples


def _as_bytes(audio: object) -> bytes:
    # single samples come from feed(samples): each would become the bytes that its number has in memory
    if not isinstance(audio, bytes | bytearray | memoryview):
        message = f"must be bytes or an array of samples, not {type(audio).__name__}"
        raise InvalidArgument(message, field="audio.data")
    return bytes(audio)
