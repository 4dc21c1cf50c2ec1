"""One utterance in flight: turns the engine's events into a stream's events.

This file is longer than most, because whole utterances and utterances by hypotheses share their state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from translate_svc.engine.request import (
    EngineEvent,
    FinishStatus,
    Request,
    RequestFinished,
    SequenceFinished,
    SequenceSpec,
    SourceText,
    TextFinished,
    TextScored,
    TokenDecoded,
    UnitsPredicted,
    WaveformPiece,
)
from translate_svc.engine.simultaneous.hypothesis import HypothesisDecided, SpeechCarriedOver
from translate_svc.session.negotiation import Negotiated, PlannedSequence
from translate_svc.session.observer import UtteranceReport
from translate_svc.session.outbound.hypothesis_builder import Continuation, HypothesisBuilder
from translate_svc.session.outbound.live_sequence import SHORT_TEXT, LiveSequence, SourcePosition
from translate_svc.session.outbound.speech_writer import Playout
from translate_svc.session.outbound.text_confidence import ConfidenceMeter
from translate_svc.session.outbound.utterance_times import UtteranceTimes
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    AudioFormat,
    EndReason,
    HypothesisReport,
    Inspect,
    SampleRange,
    Samples,
    SpeechChunk,
    SpeechEnded,
    StreamWarning,
    TextDelta,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

_DRAFT_STEPS = 1.5
"""Time from one hypothesis to the decision about the next one, in steps of audio."""


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
        self.drafts_skipped = False
        self.speech_skipped = False
        """Whether the request asks for no speech, because the server is too far behind."""
        self.builder: HypothesisBuilder | None = None
        if settings.simultaneous is not None:
            self.builder = HypothesisBuilder(
                request_id, settings.simultaneous, len(settings.sequences), continued
            )
        self._heard: dict[str, SourcePosition] = {}  # by request
        self._times = UtteranceTimes()
        self._include = settings.settings.include
        self._sequences = [LiveSequence(utterance_id, plan, output) for plan in settings.sequences]
        self._confidence = ConfidenceMeter(settings.confidence, settings.sequences)
        self._source_samples = 0
        self._voiced_s: float | None = None  # also None once the client was warned of a short text
        self._is_continued = False
        self._result: RequestFinished | None = None
        self._comparisons: list[Request] = []
        self.comparison: str | None = None
        """The open request that compares its texts; they follow one another, to burden nobody else."""

    @property
    def plans(self) -> tuple[PlannedSequence, ...]:
        """The sequences of the request, in order."""
        return self.settings.sequences

    @property
    def has_hypotheses(self) -> bool:
        """Whether the policy has decided about a hypothesis. The last request then continues from there."""
        return self.builder is not None and self.builder.has_decided

    @property
    def answered(self) -> bool:
        """Whether all sequences have ended."""
        return all(sequence.status is not None for sequence in self._sequences)

    @property
    def finished(self) -> bool:
        """Whether the engine has finished the request and the comparisons."""
        return self._result is not None and self.comparison is None

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

        Args:
            source: its range in input samples, empty for a text.
            content: ``[n]`` samples at 16 kHz, or a text.
            now_s: loop time in seconds.
            endpointing_ms: time from the last speech to the cut; None for a text.
            playouts: by language, the playback of earlier speech. This speech may have to catch up with it.
            voiced_s: duration of its voiced frames; None if they were not counted.
            heard_position: the input sample up to which the input was heard. Default: the end of ``source``.
        """
        self.source = source
        self._times.cut(now_s, endpointing_ms)
        heard_position = source.end if heard_position is None else heard_position
        self._source_samples = 0 if isinstance(content, SourceText) else len(content)
        self._voiced_s = voiced_s
        sequences = self._paced_specs(playouts, now_s)
        source_times = Inspect.TOKENS in self._include
        if self.builder is None or isinstance(content, SourceText):
            request = Request(self.request_id, content, sequences, source_times)
        else:
            request = self.builder.hypothesis(content, 0, sequences, is_final=True, source_times=source_times)
        self._expect(request.request_id, heard_position)
        return request

    def hypothesis(
        self,
        samples: Samples,
        first_sample: int,
        heard_position: int,
        now_s: float,
        playouts: Mapping[str, Playout],
    ) -> Request:
        """The request of a hypothesis over the audio so far.

        Args:
            samples: ``[n]``, the utterance's audio from ``first_sample`` on, at 16 kHz.
            first_sample: index of ``samples[0]`` in the utterance.
            heard_position: the input sample up to which the input was heard.
            now_s: loop time in seconds.
            playouts: as for ``cut``.
        """
        assert self.builder is not None, "hypotheses belong to simultaneous translation"
        self.source = SampleRange(self.source.start, heard_position)
        self._source_samples = first_sample + len(samples)
        sequences = self._paced_specs(playouts, now_s)
        request = self.builder.hypothesis(
            samples,
            first_sample,
            sequences,
            is_final=False,
            source_times=Inspect.TOKENS in self._include,
            playback_pending=self._playback_pending(playouts, now_s),
        )
        self._expect(request.request_id, heard_position)
        return request

    def close(
        self,
        source: SampleRange,
        source_samples: int,
        now_s: float,
        endpointing_ms: float,
        voiced_s: float | None,
    ) -> list[EngineEvent]:
        """Ends an utterance that the next one continues. Returns the events of its end.

        ``source``: its range in input samples. ``source_samples``: its length in 16 kHz samples. The others
        are as for ``cut``.
        """
        assert self.builder is not None, "only simultaneous translation continues utterances"
        self._is_continued, self._voiced_s = True, voiced_s
        self.source = source
        self._source_samples = source_samples
        self._times.cut(now_s, endpointing_ms)
        return self.closing_events()

    def closing_events(self) -> list[EngineEvent]:
        """The events that the engine would send at its end if no text followed that of its hypotheses."""
        events: list[EngineEvent] = []
        for index, sequence in enumerate(self._sequences):
            events += sequence.closing_events(self.request_id, index)
        statuses = [event.status for event in events if isinstance(event, SequenceFinished)]
        status = FinishStatus.OK if FinishStatus.OK in statuses else FinishStatus.EMPTY
        return [*events, RequestFinished(self.request_id, status)]

    def _expect(self, request_id: str, heard_position: int) -> None:
        self.request_id = request_id
        offset_ms = 0
        if self.builder is not None:
            offset_ms = self.builder.buffer_start_ms
        self._heard[request_id] = SourcePosition(heard_position, offset_ms)

    def record_hypothesis(self, event: HypothesisDecided | SpeechCarriedOver) -> HypothesisReport | None:
        """Stores an event of one target of a hypothesis. Returns its report if the client asked for
        hypotheses.
        """
        assert self.builder is not None, "only hypotheses are decided"
        self.builder.record(event)
        if isinstance(event, SpeechCarriedOver):
            return None
        sequence = self._sequences[event.sequence]
        sequence.record_hypothesis(event)
        if Inspect.DRAFTS not in self._include:
            return None
        return sequence.hypothesis_report(event, self._heard[event.request_id])

    def record_piece(self, event: WaveformPiece) -> None:
        """Notes that a waveform piece of a sequence was delivered."""
        if self.builder is not None:
            self.builder.record_piece(event.sequence)

    def finish_hypothesis(self, event: RequestFinished) -> None:
        """Ends a hypothesis that is not the last one."""
        assert self.builder is not None, "only hypotheses are decided"
        self.builder.finish_hypothesis()
        self._times.record_hypothesis(event.timings)

    def drop(self, position: int) -> SpeechEnded | None:
        """Drops the utterance. Returns its ``SpeechEnded`` at ``position``, or None if it was cut before."""
        if self._times.is_cut:
            return None
        self.source = SampleRange(self.source.start, position)
        return SpeechEnded(self.utterance_id, self.source, EndReason.CLEARED)

    def text_delta(self, event: TokenDecoded | TextFinished, now_s: float) -> TextDelta | None:
        """The delta for a text event; None if it shows nothing."""
        delta = self._sequences[event.sequence].text_delta(
            event, self.source, self._heard_by(event.request_id), with_token=Inspect.TOKENS in self._include
        )
        if delta is not None and delta.delta:
            self._times.record_text(now_s)
        return delta

    def speech_chunk(self, piece: WaveformPiece, now_s: float, playout: Playout) -> SpeechChunk | None:
        """The chunk for a waveform piece; None while the resampler and the codec keep all of it."""
        sequence = self._sequences[piece.sequence]
        chunk = sequence.speech_chunk(piece, self.source, self._heard_by(piece.request_id))
        if chunk is None:
            return None
        self._times.record_audio(now_s)
        rate = self.output.sample_rate_hz
        played_s = playout.push(now_s, chunk.sample_count / rate)
        lag_ms = self._times.output_lag_ms(now_s, played_s, chunk.start_sample * 1000 / rate)
        return replace(chunk, output_lag_ms=lag_ms)

    def _heard_by(self, request_id: str) -> SourcePosition:
        return self._heard.get(request_id, SourcePosition(self.source.end, 0))

    def record(
        self,
        event: TokenDecoded | TextFinished | TextScored | UnitsPredicted | SequenceFinished | RequestFinished,
    ) -> None:
        """Stores the parts of an event that later events or ``UtteranceDone`` need."""
        match event:
            case TokenDecoded():
                self._confidence.add(event.sequence, event.token_id, event.log_probability)
            case TextFinished():
                self._sequences[event.sequence].text = event
            case TextScored():
                self._confidence.add_comparison(event)
            case UnitsPredicted():
                is_shown = Inspect.UNITS in self._include
                self._sequences[event.sequence].record_units(event, is_shown=is_shown)
            case SequenceFinished():
                self._sequences[event.sequence].status = event.status
            case RequestFinished():
                self._result = event

    def warnings(self, event: SequenceFinished) -> list[StreamWarning]:
        """Warnings about how a sequence ended."""
        moved = 0
        if self.builder is not None:
            moved = self.builder.moved_tokens(event.sequence, is_continued=self._is_continued)
        warnings = self._sequences[event.sequence].warnings(event, self._voiced_s, moved)
        if any(each.code == SHORT_TEXT for each in warnings):
            self._voiced_s = None
        return warnings

    def begin_comparisons(self) -> None:
        """Plans the requests that compare the translations with the transcript, once its own has finished.

        Texts of several hypotheses are not compared.
        """
        if self.builder is None:
            texts = {
                index: sequence.text.text
                for index, sequence in enumerate(self._sequences)
                if sequence.text is not None and sequence.status is FinishStatus.OK
            }
            self._comparisons = list(self._confidence.comparisons(self.request_id, texts))

    def next_comparison(self) -> Request | None:
        """The next of the planned requests; ``comparison`` is its id from now on. None after the last one."""
        request = self._comparisons.pop(0) if self._comparisons else None
        self.comparison = None if request is None else request.request_id
        return request

    def skip_comparisons(self) -> None:
        """Drops the one that is open, and all that are planned."""
        self._comparisons, self.comparison = [], None

    def confidence_warnings(self, done: UtteranceDone) -> list[StreamWarning]:
        """Warnings about texts that the model is unsure of."""
        if not self.settings.settings.guards.low_confidence:
            return []
        return self._confidence.warnings(self.utterance_id, done.confidences)

    def done_event(self, status: UtteranceStatus | None = None) -> UtteranceDone:
        """The event ``UtteranceDone``. ``status``: by default it follows from the sequences."""
        texts = {
            index
            for index, sequence in enumerate(self._sequences)
            if status is None and sequence.status in (FinishStatus.OK, FinishStatus.TRUNCATED)
        }
        return UtteranceDone(
            utterance_id=self.utterance_id,
            source=self.source,
            status=status or self._status(),
            usage=self._usage(),
            timings=self._times.timings(self._result) if Inspect.TIMINGS in self._include else (),
            end_to_first_text_ms=self._times.first_text_ms,
            end_to_first_audio_ms=self._times.first_audio_ms,
            confidences=self._confidence.confidences(texts),
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

    def _paced_specs(self, playouts: Mapping[str, Playout], now_s: float) -> tuple[SequenceSpec, ...]:
        """The sequences to request, with their pace. ``playouts``: of earlier speech, by language."""
        source_s = self._source_samples / INTERNAL_SAMPLE_RATE_HZ
        heard = [(each, playouts.get(each.plan.spec.language)) for each in self._sequences]
        if self.builder is None:
            specs = tuple(each.paced_spec(playout, now_s, source_s) for each, playout in heard)
        else:
            specs = tuple(
                each.paced_hypothesis_spec(playout, now_s, self.builder.speech(index))
                for index, (each, playout) in enumerate(heard)
            )
        return tuple(replace(spec, speech=False) for spec in specs) if self.speech_skipped else specs

    def _playback_pending(self, playouts: Mapping[str, Playout], now_s: float) -> tuple[bool, ...]:
        """For each sequence, whether its earlier speech still plays when the next hypothesis is decided."""
        options = self.settings.simultaneous
        assert options is not None, "hypotheses belong to simultaneous translation"
        until_s = now_s + _DRAFT_STEPS * options.step_s
        return tuple(
            each.playback_pending(playouts.get(each.plan.spec.language), until_s) for each in self._sequences
        )

    def _status(self) -> UtteranceStatus:
        statuses = {sequence.status for sequence in self._sequences}
        if self._result is not None:
            statuses.add(self._result.status)
        if FinishStatus.FAILED in statuses or None in statuses:
            return UtteranceStatus.FAILED
        return UtteranceStatus.EMPTY if statuses <= {FinishStatus.EMPTY} else UtteranceStatus.OK

    def _usage(self) -> Usage:
        return Usage(
            source_ms=self._source_samples * 1000 // INTERNAL_SAMPLE_RATE_HZ,
            text_tokens=sum(each.tokens for each in self._sequences),
            speech_ms=round(sum(each.written_s for each in self._sequences) * 1000),
            utterances=1,
        )
