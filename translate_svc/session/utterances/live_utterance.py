"""One utterance in flight: turns the engine's events into a stream's events."""

from __future__ import annotations

import abc
from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType

from translate_svc.engine.request import (
    AlternativesFound,
    EngineEvent,
    Request,
    RequestFinished,
    SequenceFinished,
    SourceText,
    TextFinished,
    TextScored,
    TokenDecoded,
    UnitsPredicted,
    WaveformPiece,
)
from translate_svc.engine.sequence_spec import HEARD, SequenceSpec
from translate_svc.engine.simultaneous.hypothesis import HypothesisDecided, SpeechCarriedOver
from translate_svc.errors import InvariantViolation
from translate_svc.heard_language import HeardLanguage
from translate_svc.session.negotiation import Negotiated
from translate_svc.session.observer import UtteranceReport
from translate_svc.session.settings.planned_sequence import LaneKey, PlannedSequence
from translate_svc.session.utterances.live_sequence import (
    SHORT_TEXT,
    LiveSequence,
    SourcePosition,
    closing_events,
)
from translate_svc.session.utterances.passed_sound import PassedSound
from translate_svc.session.utterances.speech_writer import Playout, SpeechWriter
from translate_svc.session.utterances.text_confidence import ConfidenceMeter
from translate_svc.session.utterances.utterance_outcome import UtteranceOutcome
from translate_svc.session.utterances.utterance_phase import UtterancePhase
from translate_svc.session.utterances.utterance_times import UtteranceTimes
from translate_svc.types import (
    AudioFormat,
    DraftReport,
    Echo,
    EndReason,
    Inspect,
    LanguageDetected,
    SampleRange,
    Samples,
    SpeechChunk,
    SpeechEnded,
    StreamWarning,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
)


class LiveUtterance(abc.ABC):
    """The state of one utterance and its events. It knows neither queues nor the engine.

    A kind makes its requests to the engine, and handles the events of a hypothesis.
    """

    def __init__(
        self,
        utterance_id: int,
        position: int,
        settings: Negotiated,
        output: AudioFormat,
        request_id: str,
        writers: Mapping[str, SpeechWriter] = MappingProxyType({}),
    ) -> None:
        """``writers``: by language, of speech that goes on after this utterance."""
        self.utterance_id = utterance_id
        self.request_id = request_id
        self.settings = settings
        self.source = SampleRange(position, position)
        self.language: str | None = None
        """The source's, once it was heard."""
        self._language_is_sure = self._was_heard = False
        self.speech_skipped = False
        """Whether the request asks for no speech, because the server is too far behind."""
        self.phase = UtterancePhase.OPEN
        self._heard: dict[str, SourcePosition] = {}  # by request
        self._times = UtteranceTimes()
        self._sound = PassedSound() if settings.settings.echo is Echo.PASS else None
        self._sequences = [
            LiveSequence(utterance_id, plan, output, writers.get(plan.spec.language))
            for plan in settings.sequences
        ]
        self.confidence = ConfidenceMeter(settings.confidence, settings.sequences)
        self._outcome = UtteranceOutcome(
            self._sequences, self._times, self.confidence, settings.settings.include
        )
        self._source_samples = 0
        self._voiced_s: float | None = None  # also None once the client was warned of a short text

    @property
    def plans(self) -> tuple[PlannedSequence, ...]:
        """The sequences of the request, in order. Their languages are settled once the source's is."""
        return tuple(sequence.plan for sequence in self._sequences)

    @property
    def has_hypotheses(self) -> bool:
        """Whether the policy has decided about a hypothesis. The last request continues from there."""
        return False

    @abc.abstractmethod
    def _last_request(
        self, content: Samples | SourceText, sequences: tuple[SequenceSpec, ...], *, source_times: bool
    ) -> Request:
        """The request that ends it."""

    @abc.abstractmethod
    def _paced(self, index: int, playout: Playout | None, now_s: float) -> SequenceSpec:
        """The sequence ``index`` to request. ``playout``: of earlier speech in its language."""

    @abc.abstractmethod
    def plan_comparisons(self) -> None:
        """Plans the requests that compare its texts, once its own request has finished."""

    def hear(self, heard: HeardLanguage, *, is_last: bool) -> LanguageDetected | None:
        """Takes which language was heard. Returns the event for it: of the first answer that is a language,
        and of that of the last request.
        """
        self._was_heard = True
        is_first = self.language is None and heard.language is not None
        if heard.language is not None and is_first:
            self.language = heard.language
            for sequence in self._sequences:
                sequence.resolve(heard.language)
            self.confidence.settle(self.plans)
        if not (self.settings.detects_language and (is_first or is_last)):
            return None
        if is_first:
            self._language_is_sure = heard.is_sure
        sure = heard.is_sure and self._language_is_sure
        return LanguageDetected(self.utterance_id, self.language or "", heard.probability, sure)

    def record_hypothesis(self, event: HypothesisDecided | SpeechCarriedOver) -> DraftReport | None:
        """Stores an event of one target of a hypothesis. Returns its report if the client asked for it."""
        raise InvariantViolation("an utterance that does not grow has no hypotheses")

    def finish_request(self, event: RequestFinished, *, is_hypothesis: bool) -> None:
        """Ends a request: a hypothesis, the last request, or a comparison of its texts."""
        if event.request_id != self.confidence.open_comparison:
            self._times.result = event
            self.plan_comparisons()

    @abc.abstractmethod
    def _record_piece(self, event: WaveformPiece) -> None:
        """Notes that a waveform piece of a sequence was delivered."""

    def _moved_tokens(self, sequence: int) -> int:
        """How many more tokens belong to its audio than it delivered."""
        return 0

    @property
    def _buffer_start_ms(self) -> int:
        """Where the audio of the last request begins in the utterance."""
        return 0

    @property
    def _include(self) -> Collection[Inspect]:
        return self.settings.settings.include

    @property
    def output(self) -> AudioFormat:
        """The format of its speech."""
        return self._sequences[0].output

    @property
    def answered(self) -> bool:
        """Whether all sequences have ended."""
        return all(sequence.status is not None for sequence in self._sequences)

    @property
    def finished(self) -> bool:
        """Whether the engine has finished the request and the comparisons."""
        return self._times.result is not None and self.confidence.open_comparison is None

    def has_left(self, lane: LaneKey) -> bool:
        """Whether all sequences that use the lane have ended."""
        return all(each.status is not None for each in self._sequences if lane in each.plan.lanes)

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
        self._source_samples = 0 if isinstance(content, SourceText) else len(content)
        if not isinstance(content, SourceText):
            self._hear_sound(content, 0)
        self._voiced_s = voiced_s
        sequences = self._paced_specs(playouts, now_s)
        source_times = Inspect.TOKENS in self._include
        request = self._last_request(content, sequences, source_times=source_times)
        self._expect(request.request_id, source.end if heard_position is None else heard_position)
        return request

    def closing_events(self) -> list[EngineEvent]:
        """The events that the engine would send at its end if no text followed that of its hypotheses."""
        return closing_events(self.request_id, self._sequences)

    def _expect(self, request_id: str, heard_position: int) -> None:
        self.request_id = request_id
        self._heard[request_id] = SourcePosition(heard_position, self._buffer_start_ms)

    def drop(self, position: int) -> SpeechEnded | None:
        """Drops the utterance. Returns its ``SpeechEnded`` at ``position``, or None if it was cut before."""
        if self._times.is_cut:
            return None
        self.source = SampleRange(self.source.start, position)
        return SpeechEnded(self.utterance_id, self.source, EndReason.CLEARED)

    def text_delta(self, event: TokenDecoded | TextFinished, now_s: float) -> TextDelta | None:
        """The delta for a text event; None if it shows nothing."""
        heard, with_token = self._heard_by(event.request_id), Inspect.TOKENS in self._include
        sequence = self._sequences[event.sequence]
        delta = sequence.text_delta(event, self.source, heard, with_token=with_token)
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
        rate = sequence.output.sample_rate_hz
        played_s = playout.push(now_s, chunk.sample_count / rate)
        lag_ms = self._times.output_lag_ms(now_s, played_s, chunk.start_sample * 1000 / rate)
        return replace(chunk, output_lag_ms=lag_ms)

    def _heard_by(self, request_id: str) -> SourcePosition:
        return self._heard.get(request_id, SourcePosition(self.source.end, 0))

    def record(
        self,
        event: TokenDecoded
        | AlternativesFound
        | TextFinished
        | TextScored
        | UnitsPredicted
        | WaveformPiece
        | SequenceFinished,
    ) -> None:
        """Stores the parts of an event that later events or ``UtteranceDone`` need."""
        match event:
            case TokenDecoded():
                self.confidence.add(event.sequence, event.token_id, event.log_probability, given=event.given)
            case AlternativesFound():
                self._outcome.alternatives[event.sequence] = event.alternatives
            case TextFinished():
                self._sequences[event.sequence].text = event
            case TextScored():
                self.confidence.add_comparison(event)
            case UnitsPredicted():
                self._sequences[event.sequence].record_units(event, is_shown=Inspect.UNITS in self._include)
            case SequenceFinished():
                self._sequences[event.sequence].status = event.status
            case WaveformPiece():
                self._sequences[event.sequence].record_piece(event)
                self._record_piece(event)

    def speech_end(self, event: SequenceFinished) -> WaveformPiece | None:
        """The piece that ends the speech of a sequence, as ``LiveSequence.speech_end``."""
        if self._passes(event.sequence):
            return self._sound_piece(event.request_id, event.sequence, final=True)
        return self._sequences[event.sequence].speech_end(event)

    def _hear_sound(self, samples: Samples, first_sample: int) -> None:
        if self._sound is not None:
            self._sound.hear(samples, first_sample)

    def passed_sound(self) -> WaveformPiece | None:
        """The speaker's own sound that was not passed on yet, if a target asks for it; None: nothing."""
        for index, sequence in enumerate(self._sequences):
            if self._passes(index) and sequence.status is None:
                piece = self._sound_piece(self.request_id, index, final=False)
                return piece if len(piece.samples) else None
        return None

    def _passes(self, index: int) -> bool:
        """Whether the speaker's own sound takes the place of the speech of a sequence."""
        plan = self._sequences[index].plan
        return self._sound is not None and plan.audio is not None and self.language in plan.spec.unspoken_from

    def _sound_piece(self, request_id: str, index: int, *, final: bool) -> WaveformPiece:
        assert self._sound is not None, "only sequences that pass it have pieces of it"
        return WaveformPiece(request_id, index, 0, self._sound.take(), final)

    def warnings(self, event: SequenceFinished) -> list[StreamWarning]:
        """Warnings about how a sequence ended."""
        sequence, moved = self._sequences[event.sequence], self._moved_tokens(event.sequence)
        warnings = sequence.warnings(event, self._voiced_s, moved)
        if any(each.code == SHORT_TEXT for each in warnings):
            self._voiced_s = None
        return warnings

    def confidence_warnings(self, done: UtteranceDone) -> list[StreamWarning]:
        """Warnings about texts that the model is unsure of."""
        if not self.settings.settings.guards.low_confidence:
            return []
        return self.confidence.warnings(self.utterance_id, done.confidences)

    def done_event(self, status: UtteranceStatus | None = None) -> UtteranceDone:
        """The event ``UtteranceDone``. ``status``: by default it follows from the sequences."""
        return self._outcome.done_event(self.utterance_id, self.source, self._source_samples, status)

    def report(self, done: UtteranceDone, now_s: float) -> UtteranceReport:
        """The report of its end for the observer."""
        return UtteranceReport(
            done=done,
            source_language=self.language
            if self.settings.detects_language
            else self.settings.settings.source_language,
            target_languages=tuple(
                plan.spec.language for plan in self.plans if plan.lanes and plan.spec.language != HEARD
            ),
            timings=self._times.timings(),
            spans=self._times.spans(now_s),
            began_s=self._times.began_s(now_s),
            ended_s=now_s,
            heard_language=self._heard_language,
        )

    @property
    def _heard_language(self) -> str | None:
        """As in a report: of an utterance that was asked about, if that was answered."""
        return None if not (self.settings.detects_language and self._was_heard) else self.language or ""

    def _paced_specs(self, playouts: Mapping[str, Playout], now_s: float) -> tuple[SequenceSpec, ...]:
        """The sequences to request, with their pace. ``playouts``: of earlier speech, by language."""
        specs = tuple(
            self._paced(index, playouts.get(plan.spec.language), now_s)
            for index, plan in enumerate(self.plans)
        )
        return tuple(replace(spec, speech=False) for spec in specs) if self.speech_skipped else specs
