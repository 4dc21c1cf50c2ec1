"""One utterance in flight: turns the engine's events into a stream's events.

The file is a little long: it is the one face of an utterance's parts, in many short methods.
"""

from __future__ import annotations

import abc
from collections.abc import Collection, Mapping
from dataclasses import replace
from types import MappingProxyType

from translate_svc.engine.events import (
    AlternativesFound,
    EngineEvent,
    RequestFinished,
    SequenceFinished,
    TextFinished,
    TokenDecoded,
    UnitsPredicted,
    WaveformPiece,
)
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.hypothesis import HypothesisDecided, SpeechCarriedOver
from translate_svc.errors import InvariantViolation
from translate_svc.heard_language import HeardLanguage
from translate_svc.session.observer import UtteranceReport
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.session.settings.planned_sequence import LaneKey, PlannedSequence
from translate_svc.session.utterances.live_sequence import LiveSequence, SourcePosition, closing_events
from translate_svc.session.utterances.passed_sound import PassedSound
from translate_svc.session.utterances.sequence_warnings import SHORT_TEXT, sequence_warnings
from translate_svc.session.utterances.speech_writer import Playout, SpeechWriter
from translate_svc.session.utterances.text_confidence import ConfidenceMeter
from translate_svc.session.utterances.utterance_language import UtteranceLanguage
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
        self._language = UtteranceLanguage(utterance_id, is_asked=settings.detects_language)
        self.speech_skipped = False
        """Whether the request asks for no speech beside text, because the server is too far behind."""
        self.phase = UtterancePhase.OPEN
        self._heard: dict[str, SourcePosition] = {}  # by request
        self._times = UtteranceTimes()
        self._sequences = [
            LiveSequence(utterance_id, plan, output, writers.get(plan.spec.language))
            for plan in settings.sequences
        ]
        self._sound = PassedSound(self._sequences) if settings.settings.echo is Echo.PASS else None
        self.confidence = ConfidenceMeter(settings.confidence, settings.sequences, settings.witness)
        self._outcome = UtteranceOutcome(
            self._sequences, self._times, self._language, self.confidence, settings
        )
        self._source_samples = 0
        self._voiced_s: float | None = None  # also None once the client was warned of a short text

    @property
    def language(self) -> str | None:
        """The source's, once it was heard. A guess is none."""
        return None if self._language.is_guess else self._language.code

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
        """As ``UtteranceLanguage.hear``. The first language settles those of its sequences."""
        was_heard = self._language.code is not None
        detected = self._language.hear(heard, is_last=is_last)
        if self._language.code is not None and not was_heard:
            for sequence in self._sequences:
                sequence.resolve(heard)
            self.confidence.settle(self.plans)
        return detected

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
            case UnitsPredicted():
                self._sequences[event.sequence].record_units(event, is_shown=Inspect.UNITS in self._include)
            case SequenceFinished():
                self._sequences[event.sequence].status = event.status
            case WaveformPiece():
                self._sequences[event.sequence].record_piece(event)
                self._record_piece(event)

    def speech_end(self, event: SequenceFinished) -> WaveformPiece | None:
        """The piece that ends the speech of a sequence, as ``LiveSequence.speech_end``."""
        if self._sound is not None and self._sound.replaces_speech(event.sequence, self.language):
            return self._sound.last_piece(event.request_id, event.sequence)
        return self._sequences[event.sequence].speech_end(event)

    def _hear_sound(self, samples: Samples, first_sample: int) -> None:
        if self._sound is not None:
            self._sound.hear(samples, first_sample)

    def passed_sound(self) -> WaveformPiece | None:
        """The speaker's own sound that was not passed on yet, if a target asks for it; None: nothing."""
        return None if self._sound is None else self._sound.next_piece(self.request_id, self.language)

    def warnings(self, event: SequenceFinished) -> list[StreamWarning]:
        """Warnings about how a sequence ended."""
        sequence, moved = self._sequences[event.sequence], self._moved_tokens(event.sequence)
        warnings = sequence_warnings(sequence, event, self._voiced_s, moved)
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
        return self._outcome.report(done, now_s)

    def _paced_specs(self, playouts: Mapping[str, Playout], now_s: float) -> tuple[SequenceSpec, ...]:
        """The sequences to request, with their pace. ``playouts``: of earlier speech, by language."""
        specs = tuple(
            self._paced(index, playouts.get(plan.spec.language), now_s)
            for index, plan in enumerate(self.plans)
        )
        if not self.speech_skipped:
            return specs
        return tuple(
            replace(spec, speech=spec.speech and not plan.can_go_unspoken)
            for plan, spec in zip(self.plans, specs, strict=True)
        )
