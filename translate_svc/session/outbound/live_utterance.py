"""One utterance in flight: turns the engine's events into a stream's events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from translate_svc.engine.request import (
    FinishStatus,
    Request,
    RequestFinished,
    SequenceFinished,
    SequenceSpec,
    SourceText,
    StageSpan,
    StopReason,
    TextFinished,
    TokenDecoded,
    UnitsPredicted,
    WaveformPiece,
)
from translate_svc.session.negotiation import LaneKind, Negotiated, PlannedSequence
from translate_svc.session.observer import UtteranceReport
from translate_svc.session.outbound.advice import is_short
from translate_svc.session.outbound.speech_writer import Playout, SpeechWriter, catch_up_factor
from translate_svc.types import (
    ENDPOINTING,
    INTERNAL_SAMPLE_RATE_HZ,
    AudioFormat,
    EndReason,
    Inspect,
    SampleRange,
    Samples,
    SpeechChunk,
    SpeechEnded,
    StageTiming,
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


class LiveUtterance:
    """The state of one utterance and its events. It knows neither queues nor the engine.

    All its times count from the moment it was cut, when ``SpeechEnded`` is made. The time before that, from
    the arrival of its last sample to the cut, is the timing named ``endpointing``: mostly the silence that
    the segmenter waits for.
    """

    def __init__(
        self, utterance_id: int, position: int, settings: Negotiated, output: AudioFormat, request_id: str
    ) -> None:
        self.utterance_id = utterance_id
        self.request_id = request_id
        self.settings = settings
        self.output = output
        self.source = SampleRange(position, position)
        self._include = settings.settings.include
        self._sequences = [
            _Sequence(plan, SpeechWriter(output) if plan.audio is not None else None)
            for plan in settings.sequences
        ]
        self._cut_s: float | None = None
        self._source_samples = 0
        self._endpointing_ms: float | None = None
        self._voiced_s: float | None = None  # also None once the client was warned of a short text
        self._first_text_ms: float | None = None
        self._first_audio_ms: float | None = None
        self._result: RequestFinished | None = None

    @property
    def plans(self) -> tuple[PlannedSequence, ...]:
        """The sequences of the request, in order."""
        return self.settings.sequences

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
    ) -> Request:
        """Ends the utterance and returns its request.

        ``source`` is its range in input samples, empty for a text. ``content`` is at 16 kHz.
        ``endpointing_ms`` is None without one. ``playouts``: by language, earlier speech to catch up with.
        ``voiced_s``: duration of its voiced frames; None if they were not counted.
        """
        self.source = source
        self._cut_s = now_s
        self._source_samples = 0 if isinstance(content, SourceText) else len(content)
        self._endpointing_ms = endpointing_ms
        self._voiced_s = voiced_s
        return Request(
            self.request_id,
            content,
            tuple(self._paced(plan, playouts.get(plan.spec.language), now_s) for plan in self.plans),
            source_times=Inspect.TOKENS in self._include,
        )

    def drop(self, position: int) -> SpeechEnded | None:
        """Drops the utterance. If it was not cut yet, returns its ``SpeechEnded`` at ``position``."""
        if self._cut_s is not None:
            return None
        self.source = SampleRange(self.source.start, position)
        return SpeechEnded(self.utterance_id, self.source, EndReason.CLEARED)

    def text_delta(self, event: TokenDecoded | TextFinished, now_s: float) -> TextDelta | None:
        """The delta for a text event; None if it shows nothing."""
        plan = self._sequences[event.sequence].plan
        final = isinstance(event, TextFinished)
        delta = event.tail if isinstance(event, TextFinished) else event.text
        tokens: tuple[TokenInfo, ...] = ()
        if isinstance(event, TokenDecoded) and Inspect.TOKENS in self._include:
            tokens = (TokenInfo(event.text, event.token_id, event.log_probability, event.source_ms),)
        if not delta and not final and not tokens:
            return None
        if delta and self._first_text_ms is None:
            self._first_text_ms = self._since_cut_ms(now_s)
        return TextDelta(
            utterance_id=self.utterance_id,
            source=self.source,
            language=plan.spec.language,
            delta=delta,
            final=final,
            transcript=plan.text is not None and plan.text.kind is LaneKind.TRANSCRIPT,
            tokens=tokens,
        )

    def speech_chunk(self, piece: WaveformPiece, now_s: float, playout: Playout) -> SpeechChunk | None:
        """The chunk for a waveform piece; None while the resampler and the codec keep all of it."""
        sequence = self._sequences[piece.sequence]
        assert sequence.writer is not None, "only sequences with speech have pieces"
        start_sample = sequence.writer.written_samples
        chunk = sequence.writer.write(piece.samples, final=piece.final)
        if not chunk.sample_count and not piece.final:
            return None
        if self._first_audio_ms is None:
            self._first_audio_ms = self._since_cut_ms(now_s)
        units, sequence.units = sequence.units, None
        rate = sequence.writer.sample_rate_hz
        played_s = playout.push(now_s, chunk.sample_count / rate)
        lag_ms = self._since_cut_ms(played_s) - start_sample * 1000 / rate
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
            timings=self._timings() if Inspect.TIMINGS in self._include else (),
            end_to_first_text_ms=self._first_text_ms,
            end_to_first_audio_ms=self._first_audio_ms,
        )

    def report(self, done: UtteranceDone, now_s: float) -> UtteranceReport:
        """The report of its end for the observer."""
        cut_s = now_s if self._cut_s is None else self._cut_s
        began_s = cut_s - (self._endpointing_ms or 0.0) / 1000
        spans = () if self._result is None else self._result.spans
        if self._endpointing_ms is not None:
            spans = (StageSpan(ENDPOINTING, began_s, cut_s), *spans)
        return UtteranceReport(
            done=done,
            source_language=self.settings.settings.source_language,
            target_languages=tuple(plan.spec.language for plan in self.plans),
            timings=self._timings(),
            spans=spans,
            began_s=began_s,
            ended_s=now_s,
        )

    def _timings(self) -> tuple[StageTiming, ...]:
        """Timings of its stages; empty before the engine has finished."""
        if self._result is None:
            return ()
        if self._endpointing_ms is None:
            return self._result.timings
        return (StageTiming(ENDPOINTING, self._endpointing_ms, 1), *self._result.timings)

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
        return is_short(sequence.text.tokens, self._voiced_s)

    def _since_cut_ms(self, at_s: float) -> float:
        assert self._cut_s is not None, "an utterance has no results before it is cut"
        return (at_s - self._cut_s) * 1000

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
            text_tokens=sum(each.text.tokens for each in self._sequences if each.text is not None),
            speech_ms=round(speech_s * 1000),
            utterances=1,
        )
