"""Simultaneous translation of one utterance: makes its hypotheses, one after the other."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import repeat

from translate_svc.engine.request import HypothesisRequest
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.hypothesis import (
    FIRST_HYPOTHESIS,
    NO_SPEECH,
    HypothesisDecided,
    HypothesisOptions,
    SequenceHypothesis,
    SpeechCarriedOver,
    SpeechContext,
)
from translate_svc.engine.simultaneous.kept_history import history_from
from translate_svc.session.settings.planned_sequence import PlannedSequence
from translate_svc.session.simultaneous_options import SimultaneousOptions
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples, Term


@dataclass(slots=True)
class _Target:
    """One target: the state that the next hypothesis starts from, and the events of the current
    hypothesis.
    """

    hypothesis: SequenceHypothesis
    decided: HypothesisDecided | None = None
    kept: SpeechCarriedOver | None = None
    has_voiced: bool = False
    received_tokens: int = 0
    """Tokens of the history that the utterance before left. It delivered them; their audio is heard here."""

    @property
    def waits(self) -> bool:
        """Whether committed words have no units yet, or units were not voiced yet."""
        return self.hypothesis.speech.waits

    @property
    def speech(self) -> SpeechContext:
        """The units that the current hypothesis leaves to the next one.

        A hypothesis that failed after its text has lost the words that it should have spoken. A hypothesis
        that failed while it was voiced has also lost the units that waited.
        """
        if self.kept is not None:
            return self.kept.speech
        before = self.hypothesis.speech
        if self.has_voiced:
            return SpeechContext(NO_SPEECH.units, before.first_unit + len(before.units), 0)
        if self.decided is None or not before.unspoken_tokens:
            return before
        return dataclasses.replace(before, unspoken_tokens=0)


@dataclass(frozen=True, slots=True)
class Continuation:
    """The state of a long utterance that was cut within the speech. The next utterance starts from it.

    ``hypotheses``: one for each sequence, in the order of the request.
    """

    hypotheses: tuple[SequenceHypothesis, ...]

    def for_sequences(
        self, before: tuple[PlannedSequence, ...], after: tuple[PlannedSequence, ...]
    ) -> Continuation:
        """The same state for changed settings. Targets that stay continue, and new targets start anew.

        ``before`` and ``after``: the sequences of the old and of the new settings.
        """
        hypotheses = {each.name: hypothesis for each, hypothesis in zip(before, self.hypotheses, strict=True)}
        return Continuation(
            tuple(
                hypothesis if each.spec.speech else dataclasses.replace(hypothesis, speech=NO_SPEECH)
                for each, hypothesis in (
                    (each, hypotheses.get(each.name, FIRST_HYPOTHESIS)) for each in after
                )
            )
        )


class HypothesisBuilder:
    """Makes the requests of an utterance's hypotheses and carries over what each leaves for the next one.

    The buffer of a hypothesis begins where the history of its targets begins: the same place for all of them,
    because they share one encoder pass. A hypothesis that fails, or that the engine refuses, changes
    nothing: the next one starts from the same state and covers more audio.
    """

    def __init__(
        self,
        request_id: str,
        options: SimultaneousOptions,
        sequences: int,
        continued: Continuation | None = None,
        terms: tuple[Term, ...] = (),
        transcript: int | None = None,
        *,
        is_hidden: bool = False,
    ) -> None:
        """``sequences``: number of targets. ``terms`` and ``transcript``: as in ``Request``. ``is_hidden``:
        nobody gets the transcript. Each hypothesis then makes it anew, so that no buffer depends on it.

        ``continued``: the state of the utterance before, if it was cut and this utterance continues it.
        """
        self._request_id = request_id
        self._options = options
        self._terms, self._transcript = terms, transcript
        self._hidden = transcript if is_hidden else None
        hypotheses = continued.hypotheses if continued else (FIRST_HYPOTHESIS,) * sequences
        self._targets = [
            _Target(hypothesis, received_tokens=len(hypothesis.history_token_ids))
            for hypothesis in hypotheses
        ]
        if self._hidden is not None:
            self._targets[self._hidden] = _Target(FIRST_HYPOTHESIS)
        self._start_sample = 0  # of the buffer, in the utterance's audio at 16 kHz
        self._translated_samples = 0
        self._hypotheses = 0
        self._has_decided = False

    @property
    def has_decided(self) -> bool:
        """Whether the policy has decided about a hypothesis. It decides about no failed or refused
        hypothesis.
        """
        return self._has_decided

    @property
    def buffer_start_ms(self) -> int:
        """Where the buffer of the current hypothesis begins, in milliseconds from the start of the
        utterance.
        """
        return self._start_sample * 1000 // INTERNAL_SAMPLE_RATE_HZ

    def cut_sample(self, end_sample: int) -> int | None:
        """Where an utterance that is ``end_sample`` samples long is cut; None if it is not cut now.

        It is cut where its buffer begins, because all text of earlier audio was committed. Both values are
        16 kHz samples from the start of the utterance. An utterance is not cut while it is short, or while
        words or units wait: perhaps no utterance follows that would voice them.
        """
        if any(target.waits for target in self._targets):
            return None
        if end_sample < self._options.cut_from_samples or self._start_sample < self._options.min_cut_samples:
            return None
        return self._start_sample

    def speech(self, sequence: int) -> SpeechContext:
        """The last units of a target's speech, as the next hypothesis gets them. ``sequence``: its index."""
        return self._targets[sequence].hypothesis.speech

    def moved_tokens(self, sequence: int, *, is_continued: bool) -> int:
        """How many more tokens belong to this utterance's audio than this utterance delivered.

        The utterance before may have delivered tokens of this utterance's audio. They count. This utterance
        may have delivered tokens of the next one's audio. They are subtracted, so the result may be negative.
        ``is_continued``: the next utterance continues with the history of this one.
        """
        target = self._targets[sequence]
        return target.received_tokens - (len(target.hypothesis.history_token_ids) if is_continued else 0)

    def continuation(self) -> Continuation:
        """The state that the next utterance starts from, after this one was cut at ``cut_sample``."""
        return Continuation(tuple(self._in_the_next(target.hypothesis) for target in self._targets))

    def _in_the_next(self, hypothesis: SequenceHypothesis) -> SequenceHypothesis:
        """The same, counted from the start of the next utterance."""
        speech, previous = hypothesis.speech, hypothesis.previous
        if previous is not None:
            start = previous.start_sample - self._start_sample
            previous = dataclasses.replace(previous, start_sample=start)
        return dataclasses.replace(
            hypothesis,
            previous=previous,
            speech=dataclasses.replace(speech, first_unit=-speech.voiced_units),
        )

    def hypothesis(
        self,
        samples: Samples,
        first_sample: int,
        sequences: tuple[SequenceSpec, ...],
        *,
        is_final: bool,
        source_times: bool,
        playback_pending: tuple[bool, ...] = (),
    ) -> HypothesisRequest:
        """The request of the next hypothesis.

        Args:
            samples: ``[n]``, the utterance's audio from ``first_sample`` on, at 16 kHz.
            first_sample: index of ``samples[0]`` in the utterance.
            sequences: the targets.
            is_final: whether the utterance has ended.
            source_times: whether tokens get their time in the source.
            playback_pending: for each target, whether earlier speech still plays when the next hypothesis is
                decided. By default it plays for no target.
        """
        options = self._options
        end = first_sample + len(samples)
        least = max(first_sample, end - options.max_buffer_samples)
        self._start_sample = max(least, min(self._start_sample, end - options.min_buffer_samples))
        for target in self._targets:
            target.decided = target.kept = None
            target.has_voiced = False
        self._hypotheses += 1
        request = HypothesisRequest(
            f"{self._request_id}/{self._hypotheses}",
            samples[self._start_sample - first_sample :],
            tuple(map(_going_on, sequences, self._targets)),
            source_times,
            terms=self._terms,
            transcript=self._transcript,
            hypothesis=HypothesisOptions(
                tuple(
                    dataclasses.replace(target.hypothesis, playback_pending=plays)
                    for target, plays in zip(self._targets, playback_pending or repeat(False), strict=False)
                ),
                self._request_id,
                self._start_sample,
                options.policy,
                is_final,
                options.step_samples,
                max(0, end - self._translated_samples),
                options.max_buffer_samples,
                voices_all=end >= options.cut_from_samples,
            ),
        )
        self._translated_samples = max(self._translated_samples, end)
        return request

    def record(self, event: HypothesisDecided | SpeechCarriedOver) -> None:
        """Stores an event of one target of the current hypothesis."""
        target = self._targets[event.sequence]
        if event.sequence == self._hidden:
            return
        if isinstance(event, HypothesisDecided):
            target.decided = event
        else:
            target.kept = event

    def record_piece(self, sequence: int) -> None:
        """Notes that a waveform piece of one target of the current hypothesis was delivered."""
        self._targets[sequence].has_voiced = True

    def finish_hypothesis(self) -> None:
        """Ends the current hypothesis. The next one starts from the state that it left."""
        shown = [each for index, each in enumerate(self._targets) if index != self._hidden]
        starts = [each.decided.kept.start_samples for each in shown if each.decided is not None]
        self._has_decided = self._has_decided or bool(starts)
        # a target that failed still needs the whole buffer
        start = 0 if len(starts) < len(shown) else min(starts)
        for target in shown:
            if target.decided is None:
                target.hypothesis = dataclasses.replace(target.hypothesis, speech=target.speech)
            else:
                target.hypothesis = self._continued(target, target.decided, start)
        self._start_sample += start

    def _continued(self, target: _Target, decided: HypothesisDecided, start: int) -> SequenceHypothesis:
        history = decided.kept.token_ids
        if decided.kept.start_samples - start >= self._options.frame_samples:
            longer = history_from(
                decided.hypothesis,
                decided.decision,
                start_samples=start,
                frame_samples=self._options.frame_samples,
            )
            history = max(history, longer, key=len)  # words that are not spoken yet stay
        return dataclasses.replace(
            target.hypothesis,
            history_token_ids=history,
            committed_tokens=target.hypothesis.committed_tokens + decided.decision.committed,
            previous=decided.hypothesis,
            speech=target.speech,
        )


def _going_on(spec: SequenceSpec, target: _Target) -> SequenceSpec:
    """``spec``; a text that has begun goes on, though its language turns out to be the one that is spoken."""
    return dataclasses.replace(spec, not_from=()) if target.hypothesis.committed_tokens else spec
