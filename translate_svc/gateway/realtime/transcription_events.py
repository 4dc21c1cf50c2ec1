"""Turns the events of a session into the events of a transcription session."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from translate_svc.gateway.realtime.dialect import SessionSettings
from translate_svc.gateway.realtime.transcription_settings import LOGPROBS, TranscriptionSettings
from translate_svc.gateway.web_socket import WireEvent
from translate_svc.languages import LanguageTable
from translate_svc.types import (
    Cleared,
    EndReason,
    SessionEvent,
    SpeechEnded,
    SpeechStarted,
    TextDelta,
    TokenInfo,
    UtteranceDone,
    UtteranceStatus,
)

_TRANSCRIPTION = "conversation.item.input_audio_transcription"


@dataclass(slots=True)
class _Item:
    """An utterance, which the protocol calls an item of the conversation. It keeps the settings that it began
    with: an update is for later ones.
    """

    id: str
    is_detected: bool
    has_logprobs: bool
    is_committed: bool = False
    previous_id: str | None = None
    transcript: str = ""
    logprobs: list[WireEvent] = field(default_factory=list)


class TranscriptionEvents:
    """The events of one session. Times count from the beginning of the session's audio."""

    def __init__(self, languages: LanguageTable, rate_hz: int) -> None:
        """``rate_hz`` is that of the input, in which positions count."""
        self._rate_hz = rate_hz
        self._prefix = f"item_{uuid.uuid4().hex[:12]}"
        self._items: dict[int, _Item] = {}
        self._previous_id: str | None = None
        self._detects = True
        self._logprobs = False

    def apply(self, settings: SessionSettings) -> None:
        """Implements ``EventEncoder.apply``."""
        assert isinstance(settings, TranscriptionSettings), "settings and events are of one dialect"
        self._detects = settings.vad is not None
        self._logprobs = LOGPROBS in settings.include

    def encode(self, event: SessionEvent) -> Iterator[WireEvent]:
        """Implements ``EventEncoder.encode``."""
        match event:
            case SpeechStarted():
                item = self._item(event.utterance_id)
                if item.is_detected:
                    yield {
                        "type": "input_audio_buffer.speech_started",
                        "audio_start_ms": event.position * 1000 // self._rate_hz,
                        "item_id": item.id,
                    }
            case SpeechEnded():
                yield from self._committed(event)
            case TextDelta():
                yield from self._text(event)
            case UtteranceDone():
                yield from self._done(event)
            case Cleared():
                yield {"type": "input_audio_buffer.cleared"}

    def _committed(self, event: SpeechEnded) -> Iterator[WireEvent]:
        item = self._item(event.utterance_id)
        if item.is_detected:
            yield {
                "type": "input_audio_buffer.speech_stopped",
                "audio_end_ms": event.source.end * 1000 // self._rate_hz,
                "item_id": item.id,
            }
        if event.reason is EndReason.CLEARED:
            return  # what was not committed becomes no item
        former, self._previous_id = self._previous_id, item.id
        item.previous_id, item.is_committed = former, True
        yield {"type": "input_audio_buffer.committed", "item_id": item.id, "previous_item_id": former}
        yield {
            "type": "conversation.item.added",
            "previous_item_id": former,
            "item": _message(item.id, "in_progress", None),
        }

    def _text(self, event: TextDelta) -> Iterator[WireEvent]:
        item = self._item(event.utterance_id)
        item.transcript += event.delta
        logprobs = [_logprob(token) for token in event.tokens]
        item.logprobs += logprobs
        wire: WireEvent = {
            "type": f"{_TRANSCRIPTION}.delta",
            "item_id": item.id,
            "content_index": 0,
            "delta": event.delta,
        }
        if item.has_logprobs:
            wire["logprobs"] = logprobs
        if event.delta:
            yield wire

    def _done(self, event: UtteranceDone) -> Iterator[WireEvent]:
        item = self._items.pop(event.utterance_id, None)
        if item is None:
            return
        if event.status is UtteranceStatus.CLEARED:
            if item.is_committed:
                yield _failed(item.id, "the audio was cleared before it was transcribed")
            return
        if event.status is UtteranceStatus.FAILED:
            yield _failed(item.id, "the engine could not transcribe this audio")
            return
        yield {
            "type": f"{_TRANSCRIPTION}.completed",
            "item_id": item.id,
            "content_index": 0,
            "transcript": item.transcript,
            "usage": {"type": "duration", "seconds": math.ceil(event.usage.source_ms / 1000)},
        } | ({"logprobs": item.logprobs} if item.has_logprobs else {})
        yield {
            "type": "conversation.item.done",
            "previous_item_id": item.previous_id,
            "item": _message(item.id, "completed", item.transcript),
        }

    def _item(self, utterance_id: int) -> _Item:
        new = _Item(f"{self._prefix}_{utterance_id}", self._detects, self._logprobs)
        return self._items.setdefault(utterance_id, new)


def _message(item_id: str, status: str, transcript: str | None) -> WireEvent:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "role": "user",
        "status": status,
        "content": [{"type": "input_audio", "transcript": transcript}],
    }


def _failed(item_id: str, why: str) -> WireEvent:
    return {
        "type": f"{_TRANSCRIPTION}.failed",
        "item_id": item_id,
        "content_index": 0,
        "error": {"type": "server_error", "code": "transcription_failed", "message": why, "param": None},
    }


def _logprob(token: TokenInfo) -> WireEvent:
    return {"token": token.text, "logprob": token.log_probability, "bytes": list(token.text.encode())}
