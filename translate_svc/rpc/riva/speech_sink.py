"""The speech of a session, as Riva's responses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from translate_svc.errors import TranslationFailed
from translate_svc.rpc.riva.audio.speech_output import SpeechPacker
from translate_svc.rpc.status import code_of
from translate_svc.types import Closed, SessionEvent, SpeechChunk, UtteranceDone, UtteranceStatus

WriteSpeech = Callable[[bytes], Awaitable[int]]
"""Writes one piece of speech; returns the size of its message in bytes."""


class SpeechSink:
    """The ``EventSink`` of a session whose speech is all that its client gets."""

    def __init__(self, write: WriteSpeech, packer: SpeechPacker, rate_hz: int) -> None:
        """``rate_hz``: of the input, in which positions count."""
        self._write = write
        self._packer = packer
        self._rate_hz = rate_hz
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
                raise TranslationFailed(f"the speech at {event.source.start / self._rate_hz:.1f} s failed")
            case Closed() if self._bytes_out:
                await self._send(self._packer.finish())

    def status_of(self, error: BaseException | None) -> str:
        """The name of the gRPC code that the client gets."""
        return code_of(error).name

    async def _send(self, data: bytes) -> None:
        if data:  # Riva's own program opens its file for the first response that has some
            self._bytes_out += await self._write(data)
