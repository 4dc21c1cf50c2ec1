"""The table of codecs. A row holds all that the service and its clients know about an encoding."""

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
    """Decodes one stream's chunks in order. It may keep state, so each stream has its own."""

    def decode(self, data: bytes, *, field: str) -> Samples:
        """Returns samples ``[n]`` of the chosen channel, within [-1, 1], at the format's rate.

        ``data`` is one part, as the codec's framing defines it.

        Raises:
            InvalidArgument: ``data`` is not a valid part. Names ``field``.
            Unsupported: the codec's library is not installed.
        """


class ChunkEncoder(Protocol):
    """Encodes one signal chunk by chunk. It may keep state, so each signal has its own."""

    def encode(self, samples: Samples) -> EncodedChunk:
        """Takes samples ``[n]``, or ``[n, channels]``, at the format's rate; returns the complete frames.

        Raises ``Unsupported`` if the codec's library is not installed.
        """

    def flush(self) -> EncodedChunk:
        """Returns the rest. The signal ends here; another may follow."""


@dataclass(frozen=True, slots=True)
class Codec:
    """One encoding.

    Args:
        title: Its name in error messages.
        framing: How its bytes are laid out in messages.
        decoder: Creates the decoder of one stream, for a checked format.
        encoder: Creates the encoder of one signal, for a checked format.
        sample_rate_hz: Its only sample rate; None: any.
        max_channels: Most channels of its input. Output is always mono.
        lookahead_samples: Delay of the decoder's output, in samples.
        has_memory: Whether a decoder needs the chunks before, and is wrong for a while without them.
        needs_pyav: Whether it needs FFmpeg's libraries, which are an optional dependency.
    """

    title: str
    framing: Framing
    decoder: Callable[[AudioFormat], ChunkDecoder]
    encoder: Callable[[AudioFormat], ChunkEncoder]
    sample_rate_hz: int | None = None
    max_channels: int = MAX_CHANNELS
    lookahead_samples: int = 0
    has_memory: bool = False
    needs_pyav: bool = False

    @property
    def missing(self) -> str | None:
        """Why the codec cannot be used here, and how to install it; None if it can. Loads no library."""
        usable = not self.needs_pyav or ffmpeg_codec.installed()
        return None if usable else ffmpeg_codec.missing(self.title)

    def split(self, chunk: EncodedChunk, max_bytes: int, *, first: bool) -> Iterator[EncodedChunk]:
        """Splits the mono ``chunk`` of a speech into chunks of at most ``max_bytes``.

        A chunk is longer only if its framing cannot be cut to ``max_bytes``. ``first``: the speech starts
        with ``chunk``, so the look-ahead is in it. ``sample_count`` of each chunk counts its samples after
        decoding, without look-ahead and padding.
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
            for block in self.framing.cut(part, 1, max_bytes):
                if group and group_bytes + len(block) > max_bytes:
                    yield group
                    group, group_bytes = [], 0
                group.append(block)
                group_bytes += len(block)
        if group:
            yield group


def _sample_codec(title: str, values: sample_codec.SampleValues) -> Codec:
    framing = ByteFraming(values.dtype.itemsize)
    return Codec(
        title,
        framing,
        decoder=lambda audio_format: sample_codec.SampleDecoder(values, framing, audio_format),
        encoder=lambda audio_format: sample_codec.SampleEncoder(values),
    )


CODECS: Mapping[Encoding, Codec] = MappingProxyType(
    {
        Encoding.PCM_S16LE: _sample_codec("16-bit PCM", sample_codec.PCM_S16LE),
        Encoding.PCM_F32LE: _sample_codec("float PCM", sample_codec.PCM_F32LE),
        Encoding.MULAW: _sample_codec("G.711 mu-law", sample_codec.MULAW),
        Encoding.ALAW: _sample_codec("G.711 A-law", sample_codec.ALAW),
        Encoding.OPUS: Codec(
            "Opus",
            OPUS_FRAMING,
            decoder=lambda audio_format: OpusDecoder(audio_format.channels, max(audio_format.channel, 1)),
            encoder=lambda audio_format: OpusEncoder(audio_format.channels),
            sample_rate_hz=OPUS_SAMPLE_RATE_HZ,
            max_channels=2,  # the most in one packet (RFC 6716); more channels need a container
            lookahead_samples=OPUS_LOOKAHEAD_SAMPLES,
            has_memory=True,
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
            has_memory=True,
            needs_pyav=True,
        ),
    }
)
"""Every ``Encoding`` has a row."""


def codec_of(audio_format: AudioFormat) -> Codec:
    """The codec of a format's encoding."""
    return CODECS[audio_format.encoding]


def chunk_decoder(audio_format: AudioFormat) -> ChunkDecoder:
    """A new decoder for a format that passed ``check_input_format`` or ``check_output_format``."""
    return codec_of(audio_format).decoder(audio_format)


def chunk_encoder(audio_format: AudioFormat) -> ChunkEncoder:
    """A new encoder for a format that passed ``check_input_format`` or ``check_output_format``."""
    return codec_of(audio_format).encoder(audio_format)
