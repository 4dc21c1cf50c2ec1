"""The text of a file, utterance by utterance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from translate_svc.errors import TranslationFailed
from translate_svc.gateway.failures import status_of
from translate_svc.serving.text_track import TextTrack
from translate_svc.subtitles.segments import Segment, Segments
from translate_svc.types import (
    LanguageDetected,
    SampleRange,
    SessionEvent,
    SpeechEnded,
    SpeechStarted,
    StreamWarning,
    TextDelta,
    TokenInfo,
    UtteranceDone,
    UtteranceStatus,
)

OnDelta = Callable[[str, tuple[TokenInfo, ...]], Awaitable[None]]

_NO_TEXT = "no_text"
_NO_TEXT_MESSAGE = "the model understood nothing of what was said here"


class Transcript:
    """The ``EventSink`` of a file's stream: it keeps the text, and hands on each delta."""

    def __init__(self, rate_hz: int, scripts: Iterable[str], on_delta: OnDelta) -> None:
        """``scripts``: in which the language is written. ``on_delta`` gets a text with its spaces, and its
        tokens.
        """
        self._rate_hz = rate_hz
        self._track = TextTrack(scripts)
        self._on_delta = on_delta
        self._open = Segments(rate_hz)
        self._segments: dict[int, Segment] = {}
        self._languages: Counter[str] = Counter()
        self._sources: dict[int, SampleRange] = {}
        self._warnings: list[StreamWarning] = []
        self.text = ""
        """The whole text so far."""
        self.tokens: list[TokenInfo] = []
        """Those of the whole text, which their texts make together."""

    @property
    def bytes_out(self) -> int:
        """Size of the text so far."""
        return len(self.text.encode())

    @property
    def language(self) -> str | None:
        """The code of the language that most utterances are in, where it was found out."""
        return next((code for code, _ in self._languages.most_common(1)), None)

    @property
    def segments(self) -> list[Segment]:
        """The utterances that have a text, in order."""
        return [segment for _, segment in sorted(self._segments.items()) if segment.text]

    def warnings(self, damage: str | None) -> list[dict[str, Any]]:
        """What is not as sure or as whole as it looks: code, message, and start and end in the file in
        seconds, if it is about a part of it. What is about the whole comes first, the parts as they were
        said. ``damage``: of the file.
        """
        told = sorted(map(self._told, self._warnings), key=lambda each: each.get("start", -1.0))
        return told if damage is None else [{"code": "damaged", "message": f"the file {damage}"}, *told]

    def _told(self, warning: StreamWarning) -> dict[str, Any]:
        told: dict[str, Any] = {"code": warning.code, "message": warning.message}
        if warning.utterance_id is not None and (source := self._sources.get(warning.utterance_id)):
            told["start"], told["end"] = source.start / self._rate_hz, source.end / self._rate_hz
        return told

    def _tell_of_no_text(self, done: UtteranceDone) -> None:
        """An answer of texts alone does not show that something was heard which has none."""
        told_of = {warning.utterance_id for warning in self._warnings}
        if done.status is UtteranceStatus.EMPTY and done.utterance_id not in told_of:
            self._warnings.append(StreamWarning(_NO_TEXT, _NO_TEXT_MESSAGE, done.utterance_id))

    async def send(self, event: SessionEvent) -> None:
        """Takes one event.

        Raises:
            TranslationFailed: an utterance could not be translated. A text with a hole is no answer.
        """
        match event:
            case SpeechStarted():
                self._open.begin(event)
            case SpeechEnded():
                self._sources[event.utterance_id] = event.source
            case StreamWarning() if event.lag_ms is None:
                self._warnings.append(event)
            case LanguageDetected() if event.language:
                self._languages[event.language] += 1
            case TextDelta():
                self._segments[event.utterance_id] = self._open.append(event)
                shown = self._track.follow(event)
                self.text += shown.delta
                self.tokens += shown.tokens
                if shown.delta:
                    await self._on_delta(shown.delta, shown.tokens)
            case UtteranceDone(status=UtteranceStatus.FAILED):
                raise TranslationFailed(f"the speech at {event.source.start / self._rate_hz:.1f} s failed")
            case UtteranceDone():
                self._open.end(event.utterance_id)
                self._tell_of_no_text(event)

    def status_of(self, error: BaseException | None) -> str:
        """The HTTP status that the client gets."""
        return str(int(status_of(error)))
