"""Speech in Riva's encodings."""

from __future__ import annotations

from typing import Protocol

from riva.client.proto.riva_audio_pb2 import AudioEncoding

from translate_svc.audio.formats import check_output_format
from translate_svc.audio.streamed.ogg_opus import OPUS, OggOpusWriter
from translate_svc.errors import InvalidArgument
from translate_svc.rpc.riva.audio.declared_audio import SAMPLES
from translate_svc.rpc.riva.fields import renamed, under
from translate_svc.types import DEFAULT_ENCODING, AudioFormat, SpeechChunk


class SpeechPacker(Protocol):
    """Makes bytes of the speech of a call."""

    def pack(self, chunk: SpeechChunk) -> bytes:
        """The bytes of one chunk."""

    def finish(self) -> bytes:
        """The bytes after the last one."""


class RawPacker:
    """Samples without a header."""

    def pack(self, chunk: SpeechChunk) -> bytes:
        """Implements ``SpeechPacker.pack``."""
        return chunk.data

    def finish(self) -> bytes:
        """Implements ``SpeechPacker.finish``."""
        return b""


class OggPacker:
    """One stream of Opus in Ogg for all speech of the call."""

    def __init__(self) -> None:
        self._writer = OggOpusWriter()

    def pack(self, chunk: SpeechChunk) -> bytes:
        """Implements ``SpeechPacker.pack``."""
        return self._writer.write(chunk.packets)

    def finish(self) -> bytes:
        """Implements ``SpeechPacker.finish``."""
        return self._writer.finish()


def speech_format(encoding: int, rate_hz: int, path: str) -> AudioFormat:
    """The format of speech in an encoding of Riva's; without one it is 16-bit samples, as Riva's is.

    ``path``: of the message with both, in errors. Opus has its own rate, whatever was asked for: its players
    take any.

    Raises:
        InvalidArgument, OutOfRange: the encoding or the rate is not served. Names the field.
        Unsupported: the codec's library is not installed. Names the field.
    """
    if encoding == AudioEncoding.OGGOPUS:
        wanted = OPUS
    elif encoding in SAMPLES or encoding == AudioEncoding.ENCODING_UNSPECIFIED:
        if not rate_hz:
            raise InvalidArgument("is required", field=under(path, "sample_rate_hz"))
        wanted = AudioFormat(SAMPLES.get(encoding, DEFAULT_ENCODING), rate_hz)
    else:
        raise InvalidArgument("must be LINEAR_PCM, MULAW, ALAW or OGGOPUS", field=under(path, "encoding"))
    ours = f"{path}." if path else ""
    with renamed({"output.sample_rate_hz": f"{ours}sample_rate_hz", "output.encoding": f"{ours}encoding"}):
        check_output_format(wanted, field="output")
    return wanted


def packer_of(audio_format: AudioFormat) -> SpeechPacker:
    """What makes bytes of speech in this format, for one call."""
    return OggPacker() if audio_format == OPUS else RawPacker()
