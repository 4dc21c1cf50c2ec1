"""One sequence of an utterance in flight: its text, its speech, what its hypotheses decided and how it
ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from translate_svc.engine.events import (
    EngineEvent,
    FinishStatus,
    RequestFinished,
    SequenceFinished,
    TextFinished,
    TokenDecoded,
    UnitsPredicted,
    WaveformPiece,
)
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.hypothesis import HypothesisDecided, SpeechContext
from translate_svc.heard_language import HeardLanguage
from translate_svc.session.settings.planned_sequence import PlannedSequence
from translate_svc.session.utterances.speech_writer import (
    SHORTEST_PAUSES,
    Playout,
    SpeechWriter,
    catch_up_factor,
    hypothesis_pace,
)
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    SAMPLES_PER_UNIT,
    AudioFormat,
    DraftReport,
    SampleRange,
    SpeechChunk,
    TextDelta,
    TokenInfo,
)

_UNIT_S = SAMPLES_PER_UNIT / INTERNAL_SAMPLE_RATE_HZ


class SourcePosition(NamedTuple):
    """What a request was about: the input sample through which it heard, and where its audio begins in the
    utterance.
    """

    position: int
    offset_ms: int


class LiveSequence:
    """The state of one sequence and its events. ``utterance_id``: of the utterance that it belongs to.

    ``status``: None until the sequence has ended. ``writer``: of a speech that goes on after this sequence,
    whose owner ends it. None: the speech is the sequence's own.
    """

    def __init__(
        self,
        utterance_id: int,
        plan: PlannedSequence,
        output: AudioFormat,
        writer: SpeechWriter | None = None,
    ) -> None:
        self.utterance_id = utterance_id
        self.plan = plan
        self.output = output
        self.status: FinishStatus | None = None
        self._is_made = not plan.spec.depends_on_source
        self.text: TextFinished | None = None
        self._units: tuple[int, ...] = ()  # that no chunk has shown yet
        self._character_durations: tuple[int, ...] = ()
        self._speech_goes_on = writer is not None
        self._writer = (writer or SpeechWriter(output)) if plan.audio is not None else None
        self._written_samples = 0
        self._speech_is_open = False  # it has pieces, and none of them is the last one
        self._hypothesis_tokens = 0
        self._predicted_units = 0

    def resolve(self, heard: HeardLanguage) -> None:
        """A language of the source was heard."""
        spec = self.plan.spec.resolved(heard)
        if spec is not None:
            self._is_made = True
            self.plan = replace(self.plan, spec=replace(self.plan.spec, language=spec.language))

    @property
    def tokens(self) -> int:
        """Tokens of its text that is sent, those of its hypotheses included; ``text`` counts the last request
        alone.
        """
        if self.plan.is_hidden:
            return 0
        return self._hypothesis_tokens or (0 if self.text is None else self.text.tokens)

    @property
    def written_s(self) -> float:
        """Duration of the speech so far."""
        return 0.0 if self._writer is None else self._written_samples / self._writer.sample_rate_hz

    @property
    def _is_transcript(self) -> bool:
        return self.plan.is_transcript

    def paced_spec(self, playout: Playout | None, now_s: float, source_s: float) -> SequenceSpec:
        """The sequence to request, with shorter pauses and a lower duration factor if earlier speech still
        plays.

        ``source_s``: duration of the utterance so far.
        """
        plan = self.plan
        if plan.catch_up_duration_factor is None or playout is None:
            return plan.spec
        factor = catch_up_factor(
            playout.backlog_s(now_s),
            source_s,
            duration_factor=plan.spec.duration_factor,
            catch_up_duration_factor=plan.catch_up_duration_factor,
        )
        pauses = SHORTEST_PAUSES if playout.backlog_s(now_s) > 0 else 1.0
        return replace(plan.spec, duration_factor=factor, pause_factor=pauses)

    def paced_hypothesis_spec(
        self, playout: Playout | None, now_s: float, speech: SpeechContext
    ) -> SequenceSpec:
        """The sequence that a hypothesis requests: paced by all that the listener has not heard yet.

        ``speech``: what the speech so far leaves. Words in it that have no units yet are taken to be as long
        as those before them.
        """
        plan = self.plan
        if plan.catch_up_duration_factor is None or playout is None:
            return plan.spec
        spoken_tokens = self._hypothesis_tokens - speech.unspoken_tokens
        units = len(speech.units) - speech.voiced_units
        if spoken_tokens > 0:
            units += speech.unspoken_tokens * self._predicted_units // spoken_tokens
        factor, pauses = hypothesis_pace(
            playout.backlog_s(now_s) + units * _UNIT_S,
            duration_factor=plan.spec.duration_factor,
            catch_up_duration_factor=plan.catch_up_duration_factor,
        )
        return replace(plan.spec, duration_factor=factor, pause_factor=pauses)

    def playback_pending(self, playout: Playout | None, until_s: float) -> bool:
        """Whether earlier speech still plays at ``until_s``. False for speech that does not catch up.

        Without catch-up, speech must not depend on the clock: a replay from a commit point gives the same.
        """
        if self.plan.catch_up_duration_factor is None or playout is None:
            return False
        return playout.backlog_s(until_s) > 0

    def record_hypothesis(self, event: HypothesisDecided) -> None:
        """Counts what a hypothesis has committed. There is one of a text that has begun, also in the language
        that turns out to be spoken: it goes on, and has an end.
        """
        self._is_made = True
        self._hypothesis_tokens += event.decision.committed

    def hypothesis_report(self, event: HypothesisDecided, heard: SourcePosition) -> DraftReport:
        """The report of a hypothesis, for inspection."""
        hypothesis, committed = event.hypothesis, event.hypothesis.history_tokens + event.decision.committed
        reason = event.decision.reason
        return DraftReport(
            utterance_id=self.utterance_id,
            language=self.plan.spec.language,
            transcript=self._is_transcript,
            heard_through_sample=heard.position,
            buffer_start_ms=heard.offset_ms,
            history=_plain(hypothesis.pieces[: hypothesis.history_tokens]),
            committed=_plain(hypothesis.pieces[hypothesis.history_tokens : committed]),
            held=_plain(hypothesis.pieces[committed:]),
            hold_reason="" if reason is None else reason.value,
        )

    def text_delta(
        self,
        event: TokenDecoded | TextFinished,
        source: SampleRange,
        heard: SourcePosition,
        *,
        with_token: bool,
    ) -> TextDelta | None:
        """The delta for a text event; None if it shows nothing. ``with_token``: it tells its token too."""
        final = isinstance(event, TextFinished)
        delta = event.tail if isinstance(event, TextFinished) else event.text
        tokens: tuple[TokenInfo, ...] = ()
        if isinstance(event, TokenDecoded) and with_token:
            source_ms = None if event.source_ms is None else event.source_ms + heard.offset_ms
            tokens = (TokenInfo(event.text, event.token_id, event.log_probability, source_ms),)
        if not delta and not final and not tokens:
            return None
        return TextDelta(
            utterance_id=self.utterance_id,
            source=source,
            language=self.plan.spec.language,
            delta=delta,
            final=final,
            transcript=self._is_transcript,
            tokens=tokens,
            heard_through_sample=heard.position,
        )

    def record_units(self, event: UnitsPredicted, *, is_shown: bool = True) -> None:
        """Counts these units, and shows them on the next chunk. A hypothesis may have units and no chunk."""
        self._predicted_units += len(event.units)
        if not is_shown:
            return
        self._units += event.units
        self._character_durations += event.character_durations

    def record_piece(self, piece: WaveformPiece) -> None:
        """Notes that the engine has delivered a piece."""
        self._speech_is_open = not piece.final

    def speech_end(self, event: SequenceFinished) -> WaveformPiece | None:
        """The last piece, without samples, of a speech to which the last request has added nothing. None: the
        engine has sent the last piece, there is no speech, or it failed on the way.
        """
        if not self._speech_is_open or event.status is FinishStatus.FAILED:
            return None
        return WaveformPiece(event.request_id, event.sequence, 0, np.empty(0, np.float32), final=True)

    def speech_chunk(
        self, piece: WaveformPiece, source: SampleRange, heard: SourcePosition
    ) -> SpeechChunk | None:
        """The chunk for a waveform piece; None while the resampler and the codec keep all of it.

        ``output_lag_ms`` is left to the utterance.
        """
        assert self._writer is not None, "only sequences with speech have pieces"
        start_sample = self._writer.written_samples
        is_first = not self._written_samples
        final = piece.final and not self._speech_goes_on
        chunk = self._writer.write(piece.samples, final=final, after_pause=self._speech_goes_on and is_first)
        self._written_samples += chunk.sample_count
        if not chunk.sample_count and not piece.final:
            return None
        units, self._units = self._units, ()
        durations, self._character_durations = self._character_durations, ()
        return SpeechChunk(
            utterance_id=self.utterance_id,
            source=source,
            language=self.plan.spec.language,
            start_sample=start_sample,
            data=chunk.data,
            packets=chunk.packets,
            sample_count=chunk.sample_count,
            final=piece.final,
            units=units,
            character_durations=durations,
            heard_through_sample=heard.position,
        )

    def closing_events(self, request_id: str, index: int) -> Iterator[EngineEvent]:
        """The events that the engine would send at its end if no text followed that of its hypotheses."""
        if self._is_made:
            yield TextFinished(request_id, index, text="", tail="", tokens=0)
        status = FinishStatus.OK if self._hypothesis_tokens else FinishStatus.EMPTY
        yield SequenceFinished(request_id, index, status)


def _plain(pieces: Sequence[str]) -> str:
    return "".join(pieces).replace("\u2581", " ").strip()


def closing_events(request_id: str, sequences: Iterable[LiveSequence]) -> list[EngineEvent]:
    """The events with which the engine would end a request that adds no text to ``sequences``."""
    events: list[EngineEvent] = []
    for index, sequence in enumerate(sequences):
        events += sequence.closing_events(request_id, index)
    statuses = [event.status for event in events if isinstance(event, SequenceFinished)]
    status = FinishStatus.OK if FinishStatus.OK in statuses else FinishStatus.EMPTY
    return [*events, RequestFinished(request_id, status)]
