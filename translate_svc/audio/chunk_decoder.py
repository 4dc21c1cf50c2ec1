"""Chunks of the wire -> mono samples, stream by stream."""

from __future__ import annotations

from typing import Protocol

from translate_svc.audio.opus_decoder import OpusDecoder
from translate_svc.audio.sample_codec import SampleDecoder
from translate_svc.types import AudioFormat, Encoding, Samples


class ChunkDecoder(Protocol):
    """Decodes one stream's chunks in their order. It may have a state, so each stream has its own."""

    def decode(self, data: bytes, *, field: str) -> Samples:
        """Samples ``[n]`` of the channel to hear, within [-1, 1], at the format's rate.

        ``data`` is whole samples of all channels; with Opus, one packet.

        Raises:
            InvalidArgument: that it is not. Names ``field``.
            Unsupported: Opus, and its library is not installed.
        """


def chunk_decoder(audio_format: AudioFormat) -> ChunkDecoder:
    """For a format that ``check_input_format`` or ``check_output_format`` let through."""
    if audio_format.encoding is Encoding.OPUS:
        return OpusDecoder(audio_format.channels, max(audio_format.channel, 1))
    return SampleDecoder(audio_format)
