"""The texts of a session, as Riva's results."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from riva.client.proto import riva_asr_pb2 as asr

from translate_svc.languages import LanguageTable
from translate_svc.rpc.status import code_of
from translate_svc.serving.done_in_order import DoneInOrder
from translate_svc.serving.failed_utterance import failure_at
from translate_svc.serving.text_track import separator_of
from translate_svc.subtitles.segments import Segment, Segments, text_confidence
from translate_svc.types import (
    LanguageDetected,
    SessionEvent,
    SpeechStarted,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
)

WriteResult = Callable[[asr.StreamingRecognitionResult], Awaitable[int]]
"""Writes one result; returns its size in bytes."""
_STABILITY = 0.9
"""Of a text that goes on: what it says does not change. Riva's servers give 1 to one that is about to end."""


@dataclass(frozen=True, slots=True)
class ResultOptions:
    """What a client wants in results: interim ones, words, and the tag of a language that is known."""

    interim: bool = False
    words: bool = False
    tag: str = ""


class ResultSink:
    """The ``EventSink`` of a session with one text for each utterance: what was said, or a translation."""

    def __init__(
        self, write: WriteResult, options: ResultOptions, languages: LanguageTable, rate_hz: int
    ) -> None:
        """``rate_hz``: of the input, in which positions count."""
        self._write = write
        self._options = options
        self._languages = languages
        self._rate_hz = rate_hz
        self._segments = Segments(rate_hz)
        self._tags: dict[int, str] = {}
        self._ends = DoneInOrder()
        self._interim = ""
        self._heard_samples = 0
        self._bytes_out = 0

    @property
    def bytes_out(self) -> int:
        """Implements ``EventSink.bytes_out``."""
        return self._bytes_out

    async def send(self, event: SessionEvent) -> None:
        """Implements ``EventSink.send``.

        Raises:
            TranslationFailed: an utterance could not be translated. A text with a hole is no answer.
        """
        match event:
            case SpeechStarted():
                self._segments.begin(event)
                self._ends.begin(event)
            case LanguageDetected() if not self._options.tag:
                language = self._languages.find(event.language)
                self._tags[event.utterance_id] = language.bcp47 if language else ""
            case TextDelta():
                self._segments.append(event)
                await self._send_interim(max(event.heard_through_sample, event.source.end))
            case UtteranceDone(status=UtteranceStatus.FAILED):
                raise failure_at(event, self._rate_hz)
            case UtteranceDone():
                for done in self._ends.end(event):
                    await self._send_final(done)

    def status_of(self, error: BaseException | None) -> str:
        """The name of the gRPC code that the client gets."""
        return code_of(error).name

    async def _send_interim(self, heard_samples: int) -> None:
        """Sends the text of the utterance that goes on, if it has grown."""
        text = self._segments.first_text.strip()
        if not self._options.interim or not text or text == self._interim:
            return
        self._interim = text
        result = asr.StreamingRecognitionResult(stability=_STABILITY, **self._common(heard_samples))
        result.alternatives.add(transcript=text)
        self._bytes_out += await self._write(result)

    async def _send_final(self, event: UtteranceDone) -> None:
        segment = self._segments.end(event.utterance_id)
        tag = self._options.tag or self._tags.pop(event.utterance_id, "")
        if segment is None or not segment.text.strip():
            return
        self._interim = ""
        result = asr.StreamingRecognitionResult(is_final=True, **self._common(event.source.end))
        language = self._languages.find(tag)
        separator = separator_of(() if language is None else language.scripts)
        result.alternatives.append(
            alternative(segment, event, tag, separator=separator, words=self._options.words)
        )
        self._bytes_out += await self._write(result)

    def _common(self, heard_samples: int) -> dict[str, Any]:
        # an utterance ends before the pause that ends it
        self._heard_samples = max(self._heard_samples, heard_samples)
        return {"channel_tag": 1, "audio_processed": self._heard_samples / self._rate_hz}


def alternative(
    segment: Segment, done: UtteranceDone, tag: str, *, separator: str, words: bool
) -> asr.SpeechRecognitionAlternative:
    """The text of an utterance with its confidence. ``tag``: of its language; may be empty.

    The text ends with ``separator``, as those of Riva's servers do: its programs just join them.
    """
    found = asr.SpeechRecognitionAlternative(
        transcript=segment.text.strip() + separator,
        confidence=text_confidence(segment, done),
        language_code=[tag] if tag else [],
    )
    for word in segment.words() if words else ():
        found.words.add(
            word=word.text,
            start_time=word.start_ms,
            end_time=word.end_ms,
            confidence=word.confidence,
            language_code=tag,
        )
    return found
