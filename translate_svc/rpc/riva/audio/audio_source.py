"""The audio of a client of Riva, as the messages of a stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

from translate_svc.audio.streamed.audio_parts import AudioParts
from translate_svc.errors import InvalidArgument, Unsupported
from translate_svc.rpc.riva.audio.declared_audio import DeclaredAudio
from translate_svc.serving.frame_pace import FramePace
from translate_svc.types import AudioFormat, AudioInput, ClientMessage, EndInput

ReadAudio = Callable[[], Awaitable[bytes | None]]
"""The next bytes of a client, cut anywhere; None after the last."""
_PUSHED_BYTES = 16 * 1024
"""Looked at together: other streams wait meanwhile."""


@dataclass(frozen=True, slots=True)
class AudioReader:
    """Reads the bytes of one client, and what they are in errors: a field of Riva's."""

    read: ReadAudio
    field: str


class AudioSource:
    """The ``MessageSource`` of audio whose format is known."""

    def __init__(self, reader: AudioReader, parts: AudioParts, head: bytes) -> None:
        """``head``: what came already."""
        self._reader = reader
        self._parts = parts
        self._chunks: Iterator[bytes] = iter(())
        self._bytes: deque[bytes] = deque()
        self._pace = FramePace()
        self._input_ended = False
        self._told_end = False
        self._take(head)

    @property
    def format(self) -> AudioFormat:
        """What the messages hold."""
        return self._parts.format

    async def receive(self) -> ClientMessage | None:
        """Implements ``MessageSource.receive``."""
        while True:
            if (chunk := self._next_chunk()) is not None:
                return AudioInput(chunk)
            if self._bytes:
                self._chunks = self._parts.push(self._bytes.popleft())
            elif self._told_end:
                return None
            elif self._input_ended:
                self._told_end = True
                return EndInput(0)
            else:
                # some messages bring no chunk, and only those that do are paced by the session
                await self._pace.keep()
                await self._read()

    async def _read(self) -> None:
        data = await self._reader.read()
        if data is None:
            self._input_ended = True
            self._chunks = self._parts.flush()
        else:
            self._take(data)

    def _take(self, data: bytes) -> None:
        self._bytes += [data[at : at + _PUSHED_BYTES] for at in range(0, len(data), _PUSHED_BYTES)]

    def _next_chunk(self) -> bytes | None:
        try:
            return next(self._chunks, None)
        except (InvalidArgument, Unsupported) as error:
            raise type(error)(error.description, field=error.field or self._reader.field) from None


async def open_audio(declared: DeclaredAudio, reader: AudioReader) -> AudioSource | None:
    """The source of a client's audio, once its first bytes tell what it is. None: there is no audio.

    Raises:
        InvalidArgument: the audio is not what was said, or ends before it begins. Names the field.
        Unsupported: a codec's library is not installed. Names the field.
    """
    head = b""
    while True:
        try:
            found = declared.parts(head)
        except (InvalidArgument, Unsupported) as error:
            raise type(error)(error.description, field=error.field or reader.field) from None
        if found is not None:
            return AudioSource(reader, *found)
        data = await reader.read()
        if data is None:
            if head:
                raise InvalidArgument("ends before its header does", field=reader.field)
            return None
        head += data
