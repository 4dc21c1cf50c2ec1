"""The text of a file, utterance by utterance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field

from translate_svc.errors import TranslationFailed
from translate_svc.gateway.failures import failure_of
from translate_svc.serving.text_track import TextTrack
from translate_svc.subtitles.speech_starts import SpeechStarts
from translate_svc.types import (
    LanguageDetected,
    SessionEvent,
    SpeechStarted,
    TextDelta,
    TokenInfo,
    UtteranceDone,
    UtteranceStatus,
)

OnDelta = Callable[[str, tuple[TokenInfo, ...]], Awaitable[None]]


@dataclass(slots=True)
class Segment:
    """The text of one utterance, whose speech was first heard at ``start_ms``. ``tokens`` have times from
    ``audio_ms``, the start of its audio with its padding.
    """

    start_ms: int
    end_ms: int
    audio_ms: int
    text: str = ""
    tokens: list[TokenInfo] = field(default_factory=list)


class Transcript:
    """The ``EventSink`` of a file's stream: it keeps the text, and hands on each delta."""

    def __init__(self, rate_hz: int, scripts: Iterable[str], on_delta: OnDelta) -> None:
        """``scripts``: in which the language is written. ``on_delta`` gets a text with its spaces, and its
        tokens.
        """
        self._rate_hz = rate_hz
        self._track = TextTrack(scripts)
        self._on_delta = on_delta
        self._segments: dict[int, Segment] = {}
        self._speech_starts = SpeechStarts()
        self._languages: Counter[str] = Counter()
        self.text = ""
        """The whole text so far."""

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

    async def send(self, event: SessionEvent) -> None:
        """Takes one event.

        Raises:
            TranslationFailed: an utterance could not be translated. A text with a hole is no answer.
        """
        match event:
            case SpeechStarted():
                self._speech_starts.add(event)
            case LanguageDetected() if event.language:
                self._languages[event.language] += 1
            case TextDelta():
                segment = self._segments.get(event.utterance_id) or self._new_segment(event)
                segment.end_ms = self._ms(event.source.end)
                segment.text += event.delta
                segment.tokens += event.tokens
                delta = self._track.append(event.utterance_id, event.delta)
                self.text += delta
                if delta:
                    await self._on_delta(delta, event.tokens)
            case UtteranceDone(status=UtteranceStatus.FAILED):
                raise TranslationFailed(f"the speech at {event.source.start / self._rate_hz:.1f} s failed")

    def _new_segment(self, event: TextDelta) -> Segment:
        audio_start = event.source.start
        speech_start = self._speech_starts.of(event.utterance_id, audio_start)
        self._speech_starts.drop(event.utterance_id)
        segment = Segment(self._ms(speech_start), self._ms(event.source.end), self._ms(audio_start))
        self._segments[event.utterance_id] = segment
        return segment

    def _ms(self, position: int) -> int:
        return position * 1000 // self._rate_hz

    def status_of(self, error: BaseException | None) -> str:
        """The HTTP status that the client gets."""
        return "200" if error is None else str(int(failure_of(error).status))
