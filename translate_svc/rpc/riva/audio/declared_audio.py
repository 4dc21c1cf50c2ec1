"""The audio that a client of Riva says it sends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from riva.client.proto.riva_audio_pb2 import AudioEncoding

from translate_svc.audio.streamed.audio_parts import AudioParts, RawParts
from translate_svc.audio.streamed.detection import HEADS, MAGIC_BYTES, parts_of
from translate_svc.audio.streamed.wav_header import MAGIC as WAV
from translate_svc.audio.streamed.wav_header import read_wav_header
from translate_svc.errors import InvalidArgument
from translate_svc.rpc.riva.fields import under
from translate_svc.types import AudioFormat, Encoding

SAMPLES = {
    AudioEncoding.LINEAR_PCM: Encoding.PCM_S16LE,
    AudioEncoding.MULAW: Encoding.MULAW,
    AudioEncoding.ALAW: Encoding.ALAW,
}
"""Riva's encodings that are samples without a header."""
_FILES = {AudioEncoding.FLAC: b"fLaC", AudioEncoding.OGGOPUS: b"OggS"}


@dataclass(frozen=True, slots=True)
class DeclaredAudio:
    """What a configuration says of the audio. A header in the audio counts more.

    Attributes:
        encoding: a value of Riva's ``AudioEncoding``.
        rate_hz: 0: not said.
        channels: of which the first is heard.
        path: of the configuration, in errors.
    """

    encoding: int
    rate_hz: int
    channels: int
    path: str

    @property
    def format(self) -> AudioFormat | None:
        """The format of samples that need no header; None: the first bytes tell."""
        encoding = SAMPLES.get(self.encoding)
        if encoding is None or not self.rate_hz:
            return None
        return AudioFormat(encoding, self.rate_hz, self.channels, 1)

    def check(self) -> None:
        """Raises InvalidArgument if Riva has no such encoding."""
        if self.encoding not in AudioEncoding.values():
            raise InvalidArgument("is not an encoding of Riva's", field=under(self.path, "encoding"))

    def parts(self, head: bytes) -> tuple[AudioParts, bytes] | None:
        """The parts of audio that begins with ``head``, and what they are pushed first. None: more is needed.

        Raises:
            InvalidArgument: the audio is not what was said, or neither it nor the configuration tells what it
                is. Names the field.
            Unsupported: its codec's library is not installed. Names the field.
        """
        if self.format is not None:
            return _MaybeWav(self.format, under(self.path, "encoding")), head
        if len(head) < MAGIC_BYTES:
            return None
        magic = head[:MAGIC_BYTES]
        if magic not in HEADS:
            name = "sample_rate_hertz" if self.encoding in SAMPLES else "encoding"
            raise InvalidArgument(
                "does not fit the audio" if self.encoding in _FILES else "is needed: the audio has no header",
                field=under(self.path, name),
            )
        if magic != _FILES.get(self.encoding, magic):
            raise InvalidArgument("does not fit the audio's header", field=under(self.path, "encoding"))
        return parts_of(head)


class _MaybeWav:
    """The ``AudioParts`` of samples in a format that was declared, before which a WAV header may come."""

    def __init__(self, audio_format: AudioFormat, field: str) -> None:
        self.format = audio_format
        self._field = field
        self._parts = RawParts(audio_format)
        self._head: bytes | None = b""

    def push(self, data: bytes) -> Iterator[bytes]:
        """Implements ``AudioParts.push``."""
        if self._head is None:
            return self._parts.push(data)
        head = self._head = self._head + data
        if head.startswith(WAV):
            found = read_wav_header(head)
            if found is None:
                return iter(())
            if found[0] != self.format:
                raise InvalidArgument("and the rate do not fit the WAV header", field=self._field)
            head = head[found[1] :]
        elif WAV.startswith(head):
            return iter(())
        self._head = None
        return self._parts.push(head)

    def flush(self) -> Iterator[bytes]:
        """Implements ``AudioParts.flush``."""
        return self._parts.flush()
