"""Turns the events of a session into the events of a translation session."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator

from translate_svc.gateway.failures import failure_of
from translate_svc.gateway.realtime.dialect import OUTPUT, SessionSettings
from translate_svc.gateway.web_socket import WireEvent
from translate_svc.languages import Language, LanguageTable
from translate_svc.serving.failed_utterance import failure_at
from translate_svc.serving.text_track import TextTrack
from translate_svc.types import (
    Cleared,
    Closed,
    DraftReport,
    GoAway,
    LanguageDetected,
    Progress,
    SampleRange,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    StreamWarning,
    TextDelta,
    TokenInfo,
    Updated,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

_FRAME_MS = 200
"""``elapsed_ms`` advances by this much."""


class TranslationEvents:
    """The events of one session. Times count from the beginning of its audio."""

    def __init__(self, languages: LanguageTable, rate_hz: int) -> None:
        """``rate_hz`` is that of the input, in which positions count."""
        self._languages = languages
        self._rate_hz = rate_hz
        self._tracks: dict[tuple[str, bool], TextTrack] = {}
        self._unsent_units: dict[str, tuple[int, list[int], list[int]]] = {}
        self._include: frozenset[str] = frozenset()
        self._had_several_targets = False

    def apply(self, settings: SessionSettings) -> None:
        """Implements ``EventEncoder.apply``."""
        self._include = settings.include
        self._had_several_targets |= len(settings.stream_settings(self._languages).targets) > 1

    def encode(self, event: SessionEvent) -> Iterator[WireEvent]:
        """Implements ``EventEncoder.encode``."""
        match event:
            case TextDelta():
                yield self._text(event)
            case SpeechChunk():
                yield from self._speech(event)
            case Closed():
                yield {"type": "session.closed", "usage": _usage(event.usage)}
            case _:
                yield from self._asked_for(event)

    def _asked_for(self, event: SessionEvent) -> Iterator[WireEvent]:
        """Events that are not OpenAI's. Its SDK takes them for errors, so a session must ask for them. One
        that does not is told by OpenAI's ``error`` what failed.
        """
        match event:
            case SpeechStarted() if "speech_activity" in self._include:
                yield {
                    "type": "session.utterance.speech_started",
                    "utterance_id": event.utterance_id,
                    "audio_start_ms": self._ms(event.position),
                    "speech_start_ms": self._ms(event.speech_position),
                }
            case LanguageDetected() if "languages" in self._include:
                yield {
                    "type": "session.language_detected",
                    "utterance_id": event.utterance_id,
                    "language": event.language and self._language(event.language),
                    "probability": event.probability,
                    "sure": event.sure,
                }
            case SpeechEnded() if "speech_activity" in self._include:
                yield {
                    "type": "session.utterance.speech_stopped",
                    "utterance_id": event.utterance_id,
                    "audio_start_ms": self._ms(event.source.start),
                    "audio_end_ms": self._ms(event.source.end),
                    "reason": event.reason.value,
                }
            case DraftReport() if "drafts" in self._include:
                yield self._draft(event)
            case UtteranceDone() if self._include & {"utterances", "timings"}:
                yield self._done(event)
            case UtteranceDone(status=UtteranceStatus.FAILED):
                yield failure_of(failure_at(event, self._rate_hz)).to_event()
            case _:
                yield from self._about_the_session(event)

    def _about_the_session(self, event: SessionEvent) -> Iterator[WireEvent]:
        match event:
            case StreamWarning() if "warnings" in self._include:
                yield {
                    "type": "session.warning",
                    "code": event.code,
                    "message": event.message,
                    "utterance_id": event.utterance_id,
                    "language": event.language and self._language(event.language),
                }
            case GoAway() if "warnings" in self._include:
                yield {"type": "session.going_away", "deadline_ms": event.deadline_ms}
            case Progress() if "progress" in self._include:
                yield {
                    "type": "session.progress",
                    "received_ms": self._ms(event.received_samples),
                    "committed_ms": self._ms(event.committed_samples),
                }
            case Updated() if "utterances" in self._include:
                yield {"type": "session.settings_applied", "from_utterance_id": event.from_utterance_id}
            case Cleared() if "speech_activity" in self._include:
                yield {
                    "type": "session.input_audio_buffer.cleared",
                    "audio_end_ms": self._ms(event.through_sample),
                }

    def _text(self, event: TextDelta) -> WireEvent:
        shown = self._track(event.language, event.transcript).follow(event)
        kind = "input_transcript" if event.transcript else "output_transcript"
        wire: WireEvent = {
            "type": f"session.{kind}.delta",
            "delta": shown.delta,
            "elapsed_ms": self._elapsed_ms(event.heard_through_sample),
            "utterance_id": event.utterance_id,
            "language": self._language(event.language),
            "is_final": event.final,
            **self._source(event.source),
        }
        if "logprobs" in self._include:
            start_ms = self._ms(event.source.start)
            wire["logprobs"] = [_logprob(token, start_ms) for token in shown.tokens]
        return wire

    def _track(self, language: str, transcript: bool) -> TextTrack:
        """The running text that ``language`` is appended to. A client that has ever had several targets keeps
        their texts apart; the transcript, or the text of one target, is one text, whatever its languages.
        """
        if (track := self._tracks.get((language, transcript))) is None:
            is_one_text = transcript or not self._had_several_targets
            continues = is_one_text and any(kind == transcript for _, kind in self._tracks)
            track = TextTrack(self._scripts(language), continues=continues)
            self._tracks[language, transcript] = track
        return track

    def _speech(self, event: SpeechChunk) -> Iterator[WireEvent]:
        units, durations = list(event.units), list(event.character_durations)
        utterance_id, *unsent = self._unsent_units.pop(event.language, (event.utterance_id, [], []))
        if utterance_id == event.utterance_id:
            units, durations = unsent[0] + units, unsent[1] + durations
        if not event.sample_count:  # players refuse a buffer without samples
            if units:
                self._unsent_units[event.language] = event.utterance_id, units, durations
            return
        wire: WireEvent = {
            "type": "session.output_audio.delta",
            "delta": base64.b64encode(event.data).decode(),
            "format": "pcm16",
            "sample_rate": OUTPUT.sample_rate_hz,
            "channels": OUTPUT.channels,
            "elapsed_ms": self._elapsed_ms(event.heard_through_sample),
            "utterance_id": event.utterance_id,
            "language": self._language(event.language),
            "is_final": event.final,
            "start_sample": event.start_sample,
            "output_lag_ms": event.output_lag_ms,
            **self._source(event.source),
        }
        if "units" in self._include and units:
            wire["units"] = units
            wire["character_durations"] = durations
        yield wire

    def _draft(self, event: DraftReport) -> WireEvent:
        return {
            "type": "session.utterance.draft",
            "utterance_id": event.utterance_id,
            "language": self._language(event.language),
            "transcript": event.transcript,
            "heard_through_ms": self._ms(event.heard_through_sample),
            "buffer_start_ms": event.buffer_start_ms,
            "history": event.history,
            "committed": event.committed,
            "held": event.held,
            "hold_reason": event.hold_reason,
        }

    def _done(self, event: UtteranceDone) -> WireEvent:
        wire: WireEvent = {
            "type": "session.utterance.done",
            "utterance_id": event.utterance_id,
            "status": event.status.value,
            "usage": _usage(event.usage),
            "end_to_first_text_ms": event.end_to_first_text_ms,
            "end_to_first_audio_ms": event.end_to_first_audio_ms,
            "confidences": [
                {
                    "language": self._language(each.language),
                    "transcript": each.transcript,
                    "confidence": each.confidence,
                    "calibrated": each.calibrated,
                }
                for each in event.confidences
            ],
            **self._source(event.source),
        }
        if "timings" in self._include:
            wire["timings"] = [
                {"stage": each.stage, "duration_ms": each.duration_ms, "batch_size": each.batch_size}
                for each in event.timings
            ]
        return wire

    def _language(self, code: str) -> str:
        language = self._languages.find(code)
        return code if language is None else language.bcp47

    def _scripts(self, code: str) -> Iterable[str]:
        language: Language | None = self._languages.find(code)
        return () if language is None else language.scripts

    def _source(self, source: SampleRange) -> WireEvent:
        return {"source_start_ms": self._ms(source.start), "source_end_ms": self._ms(source.end)}

    def _ms(self, position: int) -> int:
        return position * 1000 // self._rate_hz

    def _elapsed_ms(self, heard_through_sample: int) -> int:
        return self._ms(heard_through_sample) // _FRAME_MS * _FRAME_MS


def _logprob(token: TokenInfo, start_ms: int) -> WireEvent:
    """A token as OpenAI's ``logprobs`` have it, with its id and its time in the input."""
    return {
        "token": token.text,
        "logprob": token.log_probability,
        "bytes": list(token.text.encode()),
        "token_id": token.token_id,
        "source_ms": None if token.source_ms is None else start_ms + token.source_ms,
    }


def _usage(usage: Usage) -> WireEvent:
    return {
        "source_ms": usage.source_ms,
        "text_tokens": usage.text_tokens,
        "speech_ms": usage.speech_ms,
        "utterances": usage.utterances,
    }
