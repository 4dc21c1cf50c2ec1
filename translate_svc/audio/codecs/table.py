"""The table of codecs: one row is all that the service and its clients know about an encoding."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Protocol

from translate_svc.audio.codecs import ffmpeg_codec, g722, sample_codec
from translate_svc.audio.codecs.encoded_chunk import EncodedChunk
from translate_svc.audio.codecs.framing import ByteFraming, Framing
from translate_svc.audio.codecs.opus_decoder import OpusDecoder
from translate_svc.audio.codecs.opus_encoder import OPUS_LOOKAHEAD_SAMPLES, OpusEncoder
from translate_svc.audio.codecs.opus_packet import OPUS_FRAMING, OPUS_SAMPLE_RATE_HZ
from translate_svc.types import AudioFormat, Encoding, Samples

MAX_CHANNELS = 8


class ChunkDecoder(Protocol):
    """Decodes one stream's chunks in their order. It may have a state, so each stream has its own."""

    def decode(self, data: bytes, *, field: str) -> Samples:
        """Samples ``[n]`` of the channel to hear, within [-1, 1], at the format's rate.

        ``data`` is one part in the sense of the codec's framing.

        Raises:
            InvalidArgument: that it is not. Names ``field``.
            Unsupported: the codec's library is not installed.
        """


class ChunkEncoder(Protocol):
    """Encodes one signal piece by piece. It may have a state, so each signal has its own."""

    def encode(self, samples: Samples) -> EncodedChunk:
        """What is complete with samples ``[n]``, of several channels ``[n, channels]``, at the format's rate.

        Raises ``Unsupported``: the codec's library is not installed.
        """

    def flush(self) -> EncodedChunk:
        """What was kept back. The signal ends here; another may follow."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One encoding.

    Args:
        title: Its name in messages.
        framing: How its bytes lie in messages.
        decoder: Makes the decoder of one stream, of a format that was checked.
        encoder: Makes the encoder of one signal, of a format that was checked.
        sample_rate_hz: The only rate that it has; None: any.
        max_channels: How many channels its input may have. Output is always mono.
        lookahead_samples: By how much what ``encoder`` makes comes out of ``decoder`` too late.
        needs_pyav: Whether it is coded by FFmpeg's libraries, which need not be installed.
    """

    title: str
    framing: Framing
    decoder: Callable[[AudioFormat], ChunkDecoder]
    encoder: Callable[[AudioFormat], ChunkEncoder]
    sample_rate_hz: int | None = None
    max_channels: int = MAX_CHANNELS
    lookahead_samples: int = 0
    needs_pyav: bool = False

    @property
    def missing(self) -> str | None:
        """Why it cannot be used here, and what to do about it; None where it can. Loads no library."""
        usable = not self.needs_pyav or ffmpeg_codec.installed()
        return None if usable else ffmpeg_codec.missing(self.title)

    def split(self, chunk: EncodedChunk, max_bytes: int, *, first: bool) -> Iterator[EncodedChunk]:
        """Mono ``chunk`` of a speech in pieces of at most ``max_bytes``, which sum up to it.

        A piece is longer where its framing cannot be cut to ``max_bytes``. ``first`` says that the speech
        begins with ``chunk``, so the look-ahead is in it. ``sample_count`` of each piece is what a listener
        keeps of it when it is decoded.
        """
        end = -self.lookahead_samples if first else 0
        for group in self._groups(chunk, max_bytes):
            start = end
            end += sum(self.framing.count_samples(part, 1, field=self.framing.field_name) for part in group)
            count = min(end, chunk.sample_count) - min(max(start, 0), chunk.sample_count)
            yield replace(self.framing.pack(group), sample_count=max(count, 0))

    def _groups(self, chunk: EncodedChunk, max_bytes: int) -> Iterator[list[bytes]]:
        group: list[bytes] = []
        group_bytes = 0
        for part in self.framing.parts(chunk):
            for piece in self.framing.cut(part, 1, max_bytes):
                if group and group_bytes + len(piece) > max_bytes:
                    yield group
                    group, group_bytes = [], 0
                group.append(piece)
                group_bytes += len(piece)
        if group:
            yield group


def _of_single_samples(title: str, values: sample_codec.SampleValues) -> Codec:
    framing = ByteFraming(values.dtype.itemsize)
    return Codec(
        title,
        framing,
        decoder=lambda audio_format: sample_codec.SampleDecoder(values, framing, audio_format),
        encoder=lambda audio_format: sample_codec.SampleEncoder(values),
    )


CODECS: Mapping[Encoding, Codec] = MappingProxyType(
    {
        Encoding.PCM_S16LE: _of_single_samples("16-bit PCM", sample_codec.PCM_S16LE),
        Encoding.PCM_F32LE: _of_single_samples("float PCM", sample_codec.PCM_F32LE),
        Encoding.MULAW: _of_single_samples("G.711 mu-law", sample_codec.MULAW),
        Encoding.ALAW: _of_single_samples("G.711 A-law", sample_codec.ALAW),
        Encoding.OPUS: Codec(
            "Opus",
            OPUS_FRAMING,
            decoder=lambda audio_format: OpusDecoder(audio_format.channels, max(audio_format.channel, 1)),
            encoder=lambda audio_format: OpusEncoder(audio_format.channels),
            sample_rate_hz=OPUS_SAMPLE_RATE_HZ,
            max_channels=2,  # what one packet can hold (RFC 6716); more is the business of containers
            lookahead_samples=OPUS_LOOKAHEAD_SAMPLES,
            needs_pyav=True,
        ),
        Encoding.G722: Codec(
            g722.TITLE,
            g722.G722_FRAMING,
            decoder=lambda audio_format: g722.G722Decoder(),
            encoder=lambda audio_format: g722.G722Encoder(),
            sample_rate_hz=g722.G722_SAMPLE_RATE_HZ,
            max_channels=1,
            lookahead_samples=g722.G722_LOOKAHEAD_SAMPLES,
            needs_pyav=True,
        ),
    }
)
"""Every ``Encoding`` has a row."""


def codec_of(audio_format: AudioFormat) -> Codec:
    """The codec of a format's encoding."""
    return CODECS[audio_format.encoding]


def chunk_decoder(audio_format: AudioFormat) -> ChunkDecoder:
    """For a format that ``check_input_format`` or ``check_output_format`` let through."""
    return codec_of(audio_format).decoder(audio_format)


def chunk_encoder(audio_format: AudioFormat) -> ChunkEncoder:
    """For a format that ``check_input_format`` or ``check_output_format`` let through."""
    return codec_of(audio_format).encoder(audio_format)
