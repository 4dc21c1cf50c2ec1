"""The speech of a session, as Riva's responses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from translate_svc.errors import TranslationFailed
from translate_svc.rpc.riva.audio.speech_output import SpeechPacker
from translate_svc.rpc.status import code_of
from translate_svc.types import SessionEvent, SpeechChunk, UtteranceDone, UtteranceStatus

WriteSpeech = Callable[[bytes], Awaitable[int]]
"""Writes one piece of speech; returns the size of its message in bytes."""
Failure = Callable[[UtteranceDone], TranslationFailed]
"""What the client is told of an utterance that failed."""


class SpeechSink:
    """The ``EventSink`` of a session or a call whose speech is all that its client gets."""

    def __init__(
        self, write: WriteSpeech, packer: SpeechPacker, last: type[SessionEvent], failure: Failure
    ) -> None:
        """``last``: the event after which no speech comes."""
        self._write = write
        self._packer = packer
        self._last = last
        self._failure = failure
        self._bytes_out = 0

    @property
    def bytes_out(self) -> int:
        """Implements ``EventSink.bytes_out``."""
        return self._bytes_out

    async def send(self, event: SessionEvent) -> None:
        """Implements ``EventSink.send``.

        Raises:
            TranslationFailed: an utterance could not be translated. Speech with a hole is no answer.
        """
        match event:
            case SpeechChunk():
                await self._send(self._packer.pack(event))
            case UtteranceDone(status=UtteranceStatus.FAILED):
                raise self._failure(event)
        if isinstance(event, self._last) and self._bytes_out:
            await self._send(self._packer.finish())

    def status_of(self, error: BaseException | None) -> str:
        """The name of the gRPC code that the client gets."""
        return code_of(error).name

    async def _send(self, data: bytes) -> None:
        if data:  # Riva's own program opens its file for the first response that has some
            self._bytes_out += await self._write(data)
