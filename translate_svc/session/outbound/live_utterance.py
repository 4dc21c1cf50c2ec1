"""One utterance in flight: turns the engine's events into a stream's events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from translate_svc.engine.request import (
    EngineEvent,
    FinishStatus,
    Request,
    RequestFinished,
    SequenceFinished,
    SequenceSpec,
    SourceText,
    StopReason,
    TextFinished,
    TokenDecoded,
    UnitsPredicted,
    WaveformPiece,
)
from translate_svc.engine.simultaneous.draft import DraftDecided, SpeechKept
from translate_svc.session.negotiation import LaneKind, Negotiated, PlannedSequence
from translate_svc.session.observer import UtteranceReport
from translate_svc.session.outbound.advice import is_short
from translate_svc.session.outbound.draft_report import draft_report
from translate_svc.session.outbound.interpreter import Continuation, Interpreter
from translate_svc.session.outbound.speech_writer import Playout, SpeechWriter, catch_up_factor
from translate_svc.session.outbound.utterance_times import UtteranceTimes
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    AudioFormat,
    DraftReport,
    EndReason,
    Inspect,
    SampleRange,
    Samples,
    SpeechChunk,
    SpeechEnded,
    StreamWarning,
    TextDelta,
    TokenInfo,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

_STOPS = {
    StopReason.TOKEN_LIMIT: ("text_truncated", "the text reached its maximum length and was cut off"),
    StopReason.REPETITION: ("repetition_stopped", "the text repeated itself in a loop and was ended there"),
    StopReason.LENGTH: ("length_stopped", "the text outgrew what its source can have said and was ended"),
}
_UNEXPECTED_SCRIPT = (
    "unexpected_script",
    "the text is in another script than its language is written in and is not spoken",
)

_SHORT_TEXT = ("short_text", "the text is far shorter than the speech: part of it may be lost")


@dataclass(slots=True, eq=False)
class _Sequence:
    """State of one sequence of the request."""

    plan: PlannedSequence
    writer: SpeechWriter | None
    status: FinishStatus | None = None
    text: TextFinished | None = None
    units: UnitsPredicted | None = None
    drafted_tokens: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of its text, those of its drafts included; ``text`` tells of the last request alone."""
        return self.drafted_tokens or (0 if self.text is None else self.text.tokens)


class _Heard(NamedTuple):
    """What a request was about: the input sample through which it heard, and where its audio begins in the
    utterance.
    """

    position: int
    offset_ms: int


class LiveUtterance:
    """The state of one utterance and its events. It knows neither queues nor the engine."""

    def __init__(
        self,
        utterance_id: int,
        position: int,
        settings: Negotiated,
        output: AudioFormat,
        request_id: str,
        continued: Continuation | None = None,
    ) -> None:
        self.utterance_id = utterance_id
        self.request_id = request_id
        self.settings = settings
        self.output = output
        self.source = SampleRange(position, position)
        self.in_lanes = False
        self.drafts_skipped = False
        self.interpreter: Interpreter | None = None
        if settings.simultaneous is not None:
            self.interpreter = Interpreter(
                request_id, settings.simultaneous, len(settings.sequences), continued
            )
        self._heard: dict[str, _Heard] = {}  # by request
        self._times = UtteranceTimes()
        self._include = settings.settings.include
        self._sequences = [
            _Sequence(plan, SpeechWriter(output) if plan.audio is not None else None)
            for plan in settings.sequences
        ]
        self._source_samples = 0
        self._voiced_s: float | None = None  # also None once the client was warned of a short text
        self._result: RequestFinished | None = None

    @property
    def plans(self) -> tuple[PlannedSequence, ...]:
        """The sequences of the request, in order."""
        return self.settings.sequences

    @property
    def has_drafts(self) -> bool:
        """Whether drafts came before its last request."""
        return self.interpreter is not None and self.interpreter.drafts > 1

    @property
    def answered(self) -> bool:
        """Whether all sequences have ended."""
        return all(sequence.status is not None for sequence in self._sequences)

    @property
    def finished(self) -> bool:
        """Whether the engine has finished the request."""
        return self._result is not None

    def cut(
        self,
        source: SampleRange,
        content: Samples | SourceText,
        now_s: float,
        endpointing_ms: float | None = None,
        playouts: Mapping[str, Playout] = MappingProxyType({}),
        voiced_s: float | None = None,
        heard_position: int | None = None,
    ) -> Request:
        """Ends the utterance and returns its request.

        ``source`` is its range in input samples, empty for a text. ``content`` is at 16 kHz.
        ``endpointing_ms`` is None without one. ``playouts``: by language, earlier speech to catch up with.
        ``voiced_s``: duration of its voiced frames; None if they were not counted. ``heard_position``: the
        input sample through which the input was heard; by default the end of ``source``.
        """
        self.source = source
        self._times.cut(now_s, endpointing_ms)
        heard_position = source.end if heard_position is None else heard_position
        self._source_samples = 0 if isinstance(content, SourceText) else len(content)
        self._voiced_s = voiced_s
        sequences = tuple(self._paced(plan, playouts.get(plan.spec.language), now_s) for plan in self.plans)
        source_times = Inspect.TOKENS in self._include
        if self.interpreter is None or isinstance(content, SourceText):
            request = Request(self.request_id, content, sequences, source_times)
        else:
            request = self.interpreter.draft(
                content, 0, heard_position, sequences, is_final=True, source_times=source_times
            )
        self._expect(request.request_id, heard_position)
        return request

    def draft(
        self,
        samples: Samples,
        first_sample: int,
        heard_position: int,
        now_s: float,
        playouts: Mapping[str, Playout],
    ) -> Request:
        """The request of a draft over the audio so far; see ``Interpreter.draft``."""
        assert self.interpreter is not None, "drafts belong to simultaneous translation"
        self.source = SampleRange(self.source.start, heard_position)
        self._source_samples = first_sample + len(samples)
        sequences = tuple(self._paced(plan, playouts.get(plan.spec.language), now_s) for plan in self.plans)
        request = self.interpreter.draft(
            samples,
            first_sample,
            heard_position,
            sequences,
            is_final=False,
            source_times=Inspect.TOKENS in self._include,
        )
        self._expect(request.request_id, heard_position)
        return request

    def close(
        self, source: SampleRange, source_samples: int, now_s: float, endpointing_ms: float
    ) -> list[EngineEvent]:
        """Ends an utterance that the next one continues; returns what the engine would say at its end.

        ``source``: its range in input samples; ``source_samples``: its length at 16 kHz.
        """
        self.source = source
        self._source_samples = source_samples
        self._times.cut(now_s, endpointing_ms)
        name = self.request_id
        statuses: list[FinishStatus] = []
        events: list[EngineEvent] = []
        for index, sequence in enumerate(self._sequences):
            events.append(TextFinished(name, index, text="", tail="", tokens=0))
            if sequence.writer is not None and sequence.writer.written_samples:
                events.append(WaveformPiece(name, index, 0, np.empty(0, np.float32), final=True))
            statuses.append(FinishStatus.OK if sequence.drafted_tokens else FinishStatus.EMPTY)
            events.append(SequenceFinished(name, index, statuses[-1]))
        status = FinishStatus.OK if FinishStatus.OK in statuses else FinishStatus.EMPTY
        return [*events, RequestFinished(name, status)]

    def _expect(self, request_id: str, heard_position: int) -> None:
        self.request_id = request_id
        offset_ms = 0
        if self.interpreter is not None:
            offset_ms = self.interpreter.buffer_start_ms
            # behind a cut the input is processed anew, but what was heard before counts
            heard_position = max(heard_position, self.interpreter.heard_position)
        self._heard[request_id] = _Heard(heard_position, offset_ms)

    def record_draft(self, event: DraftDecided | SpeechKept) -> DraftReport | None:
        """Stores what one target of a draft has come to; the report of it where inspection asked for it."""
        assert self.interpreter is not None, "only drafts are decided"
        self.interpreter.record(event)
        if isinstance(event, SpeechKept):
            return None
        self._sequences[event.sequence].drafted_tokens += event.decision.committed
        if Inspect.DRAFTS not in self._include:
            return None
        plan = self._sequences[event.sequence].plan
        heard = self._heard[event.request_id]
        return draft_report(
            event,
            plan,
            utterance_id=self.utterance_id,
            heard_through_sample=heard.position,
            buffer_start_ms=heard.offset_ms,
        )

    def finish_draft(self, event: RequestFinished) -> None:
        """A draft that is not the last one has ended."""
        assert self.interpreter is not None, "only drafts are decided"
        self.interpreter.finish_draft()
        self._times.record_draft(event.timings)

    def drop(self, position: int) -> SpeechEnded | None:
        """Drops the utterance. If it was not cut yet, returns its ``SpeechEnded`` at ``position``."""
        if self._times.is_cut:
            return None
        self.source = SampleRange(self.source.start, position)
        return SpeechEnded(self.utterance_id, self.source, EndReason.CLEARED)

    def text_delta(self, event: TokenDecoded | TextFinished, now_s: float) -> TextDelta | None:
        """The delta for a text event; None if it shows nothing."""
        plan = self._sequences[event.sequence].plan
        heard = self._heard.get(event.request_id, _Heard(self.source.end, 0))
        final = isinstance(event, TextFinished)
        delta = event.tail if isinstance(event, TextFinished) else event.text
        tokens: tuple[TokenInfo, ...] = ()
        if isinstance(event, TokenDecoded) and Inspect.TOKENS in self._include:
            source_ms = None if event.source_ms is None else event.source_ms + heard.offset_ms
            tokens = (TokenInfo(event.text, event.token_id, event.log_probability, source_ms),)
        if not delta and not final and not tokens:
            return None
        if delta:
            self._times.record_text(now_s)
        return TextDelta(
            utterance_id=self.utterance_id,
            source=self.source,
            language=plan.spec.language,
            delta=delta,
            final=final,
            transcript=plan.text is not None and plan.text.kind is LaneKind.TRANSCRIPT,
            tokens=tokens,
            heard_through_sample=heard.position,
        )

    def speech_chunk(self, piece: WaveformPiece, now_s: float, playout: Playout) -> SpeechChunk | None:
        """The chunk for a waveform piece; None while the resampler and the codec keep all of it."""
        sequence = self._sequences[piece.sequence]
        assert sequence.writer is not None, "only sequences with speech have pieces"
        start_sample = sequence.writer.written_samples
        chunk = sequence.writer.write(piece.samples, final=piece.final)
        if not chunk.sample_count and not piece.final:
            return None
        self._times.record_audio(now_s)
        units, sequence.units = sequence.units, None
        rate = sequence.writer.sample_rate_hz
        played_s = playout.push(now_s, chunk.sample_count / rate)
        if self._times.is_cut:
            lag_ms = self._times.since_cut_ms(played_s) - start_sample * 1000 / rate
        else:
            lag_ms = (played_s - now_s) * 1000
        return SpeechChunk(
            utterance_id=self.utterance_id,
            source=self.source,
            language=sequence.plan.spec.language,
            start_sample=start_sample,
            data=chunk.data,
            packets=chunk.packets,
            sample_count=chunk.sample_count,
            final=piece.final,
            units=units.units if units else (),
            character_durations=units.character_durations if units else (),
            output_lag_ms=max(0, round(lag_ms)),
            heard_through_sample=self._heard.get(piece.request_id, _Heard(self.source.end, 0)).position,
        )

    def record(self, event: TextFinished | UnitsPredicted | SequenceFinished | RequestFinished) -> None:
        """Stores what later events or ``UtteranceDone`` need."""
        match event:
            case TextFinished():
                self._sequences[event.sequence].text = event
            case UnitsPredicted():
                if Inspect.UNITS in self._include:
                    self._sequences[event.sequence].units = event
            case SequenceFinished():
                self._sequences[event.sequence].status = event.status
            case RequestFinished():
                self._result = event

    def warnings(self, event: SequenceFinished) -> list[StreamWarning]:
        """Warnings about how a sequence ended."""
        sequence = self._sequences[event.sequence]
        warnings: list[tuple[str, str]] = []
        if sequence.text is not None and sequence.text.stop in _STOPS:
            warnings.append(_STOPS[sequence.text.stop])
        if sequence.text is not None and sequence.text.unexpected_script:
            warnings.append(_UNEXPECTED_SCRIPT)
        if event.status is FinishStatus.FAILED:
            warnings.append(("sequence_failed", event.error or "the engine failed"))
        if not warnings and self._is_short(sequence):
            warnings.append(_SHORT_TEXT)
            self._voiced_s = None
        language = sequence.plan.spec.language
        return [StreamWarning(code, message, self.utterance_id, language) for code, message in warnings]

    def done_event(self, status: UtteranceStatus | None = None) -> UtteranceDone:
        """``UtteranceDone``, with ``status`` or else the one that follows from the sequences."""
        return UtteranceDone(
            utterance_id=self.utterance_id,
            source=self.source,
            status=status or self._status(),
            usage=self._usage(),
            timings=self._times.timings(self._result) if Inspect.TIMINGS in self._include else (),
            end_to_first_text_ms=self._times.first_text_ms,
            end_to_first_audio_ms=self._times.first_audio_ms,
        )

    def report(self, done: UtteranceDone, now_s: float) -> UtteranceReport:
        """The report of its end for the observer."""
        return UtteranceReport(
            done=done,
            source_language=self.settings.settings.source_language,
            target_languages=tuple(plan.spec.language for plan in self.plans),
            timings=self._times.timings(self._result),
            spans=self._times.spans(self._result, now_s),
            began_s=self._times.began_s(now_s),
            ended_s=now_s,
        )

    def _paced(self, plan: PlannedSequence, playout: Playout | None, now_s: float) -> SequenceSpec:
        """The sequence to request, with a lower duration factor if earlier speech still plays."""
        if plan.catch_up_duration_factor is None or playout is None:
            return plan.spec
        factor = catch_up_factor(
            playout.backlog_s(now_s),
            self._source_samples / INTERNAL_SAMPLE_RATE_HZ,
            duration_factor=plan.spec.duration_factor,
            catch_up_duration_factor=plan.catch_up_duration_factor,
        )
        return replace(plan.spec, duration_factor=factor)

    def _is_short(self, sequence: _Sequence) -> bool:
        if self._voiced_s is None or sequence.text is None:
            return False
        return is_short(sequence.tokens, self._voiced_s)

    def _status(self) -> UtteranceStatus:
        statuses = {sequence.status for sequence in self._sequences}
        if self._result is not None:
            statuses.add(self._result.status)
        if FinishStatus.FAILED in statuses or None in statuses:
            return UtteranceStatus.FAILED
        return UtteranceStatus.EMPTY if statuses <= {FinishStatus.EMPTY} else UtteranceStatus.OK

    def _usage(self) -> Usage:
        speech_s = sum(each.writer.written_s for each in self._sequences if each.writer is not None)
        return Usage(
            source_ms=self._source_samples * 1000 // INTERNAL_SAMPLE_RATE_HZ,
            text_tokens=sum(each.tokens for each in self._sequences),
            speech_ms=round(speech_s * 1000),
            utterances=1,
        )
