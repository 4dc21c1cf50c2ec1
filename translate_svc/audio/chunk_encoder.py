"""Samples -> chunks of the wire, signal by signal."""

from __future__ import annotations

from typing import Protocol

from translate_svc.audio.encoded_chunk import EncodedChunk
from translate_svc.audio.opus_encoder import OpusEncoder
from translate_svc.audio.sample_codec import SampleEncoder
from translate_svc.types import AudioFormat, Encoding, Samples


class ChunkEncoder(Protocol):
    """Encodes one signal piece by piece. It may have a state, so each signal has its own."""

    def encode(self, samples: Samples) -> EncodedChunk:
        """What is complete with samples ``[n]``, of several channels ``[n, channels]``, at the format's rate.

        Raises ``Unsupported``: Opus, and its library is not installed.
        """

    def flush(self) -> EncodedChunk:
        """What was kept back. The signal ends here; another may follow."""


def chunk_encoder(audio_format: AudioFormat) -> ChunkEncoder:
    """For a format that ``check_input_format`` or ``check_output_format`` let through."""
    if audio_format.encoding is Encoding.OPUS:
        return OpusEncoder(audio_format.channels)
    return SampleEncoder(audio_format)
