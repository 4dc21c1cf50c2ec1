"""What a text is answered by: its translation, or the speech of its translation."""

from __future__ import annotations

from translate_svc.errors import TranslationFailed
from translate_svc.types import (
    DEFAULT_ENCODING,
    INTERNAL_SAMPLE_RATE_HZ,
    AudioFormat,
    SessionEvent,
    SpeechChunk,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
)
from translate_svc.wyoming.wyoming_event import EventStream, WyomingEvent, status_of

OUTPUT = AudioFormat(DEFAULT_ENCODING, INTERNAL_SAMPLE_RATE_HZ)
"""The speech that clients get."""

_FORMAT = {"rate": OUTPUT.sample_rate_hz, "width": 2, "channels": OUTPUT.channels}


class TextAnswer:
    """The ``EventSink`` of one text. Speech is sent as it comes, a text when it is whole."""

    def __init__(self, events: EventStream) -> None:
        self._events = events
        self._sent_before = events.bytes_out
        self._spoken_samples = 0
        self.text = ""
        """The translation."""

    @property
    def bytes_out(self) -> int:
        """Implements ``EventSink.bytes_out``."""
        return self._events.bytes_out - self._sent_before

    async def send(self, event: SessionEvent) -> None:
        """Implements ``EventSink.send``.

        Raises:
            TranslationFailed: the text could not be translated.
        """
        match event:
            case TextDelta():
                self.text += event.delta
            case SpeechChunk() if event.sample_count:
                if not self._spoken_samples:
                    await self._events.send(WyomingEvent("audio-start", _FORMAT | {"timestamp": 0}))
                timestamp = {"timestamp": self._spoken_samples * 1000 // OUTPUT.sample_rate_hz}
                await self._events.send(WyomingEvent("audio-chunk", _FORMAT | timestamp, event.data))
                self._spoken_samples += event.sample_count
            case UtteranceDone(status=UtteranceStatus.FAILED):
                raise TranslationFailed("could not be translated", field="text")

    def status_of(self, error: BaseException | None) -> str:
        """Implements ``EventSink.status_of``."""
        return status_of(error)
