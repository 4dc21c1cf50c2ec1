"""Simultaneous translation of one utterance: its drafts, one after the other."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from itertools import repeat

from translate_svc.engine.request import Request, SequenceSpec
from translate_svc.engine.simultaneous.draft import (
    FIRST_DRAFT,
    NO_SPEECH,
    DraftDecided,
    DraftOptions,
    SequenceDraft,
    SpeechContext,
    SpeechKept,
)
from translate_svc.engine.simultaneous.kept_history import history_from
from translate_svc.session.negotiation import PlannedSequence
from translate_svc.session.simultaneous_options import SimultaneousOptions
from translate_svc.types import INTERNAL_SAMPLE_RATE_HZ, Samples


@dataclass(slots=True)
class _Target:
    """One sequence: what the next draft starts from, and what the current one has decided."""

    draft: SequenceDraft
    decided: DraftDecided | None = None
    kept: SpeechKept | None = None
    has_voiced: bool = False
    received_tokens: int = 0
    """Of the history that the utterance before left: delivered there, but heard again here."""

    @property
    def waits(self) -> bool:
        """Whether there are words that have no units, or units that were not voiced."""
        return self.draft.speech.waits

    @property
    def speech(self) -> SpeechContext:
        """What the current draft leaves. One that failed behind its text has lost the words that it was to
        speak, and one that failed while it was voiced also the units that had waited.
        """
        if self.kept is not None:
            return self.kept.speech
        before = self.draft.speech
        if self.has_voiced:
            return SpeechContext(NO_SPEECH.units, before.first_unit + len(before.units), 0)
        if self.decided is None or not before.unspoken_tokens:
            return before
        return dataclasses.replace(before, unspoken_tokens=0)


@dataclass(frozen=True, slots=True)
class Continuation:
    """What an utterance that was cut while somebody spoke leaves for the next one, by sequence."""

    drafts: tuple[SequenceDraft, ...]

    def for_sequences(
        self, before: tuple[PlannedSequence, ...], after: tuple[PlannedSequence, ...]
    ) -> Continuation:
        """The same for other settings: what stays a target goes on, and what is new begins."""
        drafts = {each.name: draft for each, draft in zip(before, self.drafts, strict=True)}
        return Continuation(
            tuple(
                draft if each.spec.speech else dataclasses.replace(draft, speech=NO_SPEECH)
                for each, draft in ((each, drafts.get(each.name, FIRST_DRAFT)) for each in after)
            )
        )


class Interpreter:
    """Makes the requests of an utterance's drafts and carries over what each leaves for the next one.

    The buffer of a draft begins where the history of its targets begins: the same place for all of them,
    because they share one encoder pass. A draft that fails, or that the engine refuses, changes nothing: the
    next one starts from the same state and covers more audio.
    """

    def __init__(
        self,
        request_id: str,
        options: SimultaneousOptions,
        sequences: int,
        continued: Continuation | None = None,
    ) -> None:
        """``continued``: what the utterance before leaves, if this one goes on where that was cut."""
        self._request_id = request_id
        self._options = options
        drafts = continued.drafts if continued else (FIRST_DRAFT,) * sequences
        self._targets = [_Target(draft, received_tokens=len(draft.history_token_ids)) for draft in drafts]
        self._start_sample = 0  # of the buffer, in the utterance's audio at 16 kHz
        self._drafted_samples = 0
        self._drafts = 0
        self._has_decided = False

    @property
    def has_decided(self) -> bool:
        """Whether a draft was decided. One that failed or was refused was not."""
        return self._has_decided

    @property
    def buffer_start_ms(self) -> int:
        """Where the buffer of the current draft begins in the utterance."""
        return self._start_sample * 1000 // INTERNAL_SAMPLE_RATE_HZ

    def cut_sample(self, end_sample: int) -> int | None:
        """Where an utterance that has come to ``end_sample`` is to be cut, if it has grown long.

        That is where the buffer begins: all text whose audio lies before was committed. Both in samples at 16
        kHz from the start of the utterance. None while words or units wait: perhaps no utterance follows that
        would voice them.
        """
        if any(target.waits for target in self._targets):
            return None
        if end_sample < self._options.cut_from_samples or self._start_sample < self._options.min_cut_samples:
            return None
        return self._start_sample

    def speech(self, sequence: int) -> SpeechContext:
        """What the speech of a target leaves to the next draft."""
        return self._targets[sequence].draft.speech

    def moved_tokens(self, sequence: int, *, is_continued: bool) -> int:
        """How many tokens of this utterance's audio were delivered with the one before, less how many of the
        next one's were delivered here. ``is_continued``: the next one goes on with the history of this one.
        """
        target = self._targets[sequence]
        return target.received_tokens - (len(target.draft.history_token_ids) if is_continued else 0)

    def continuation(self) -> Continuation:
        """What the next utterance starts from, if this one was cut at ``cut_sample``."""
        return Continuation(
            tuple(
                dataclasses.replace(
                    target.draft,
                    speech=dataclasses.replace(
                        target.draft.speech, first_unit=-target.draft.speech.voiced_units
                    ),
                )
                for target in self._targets
            )
        )

    def draft(
        self,
        samples: Samples,
        first_sample: int,
        sequences: tuple[SequenceSpec, ...],
        *,
        is_final: bool,
        source_times: bool,
        plays_on: tuple[bool, ...] = (),
    ) -> Request:
        """The request of the next draft.

        Args:
            samples: the utterance's audio from ``first_sample`` on, 16 kHz.
            first_sample: place of ``samples[0]`` in the utterance.
            sequences: the targets.
            is_final: whether the utterance has ended.
            source_times: whether tokens get their time in the source.
            plays_on: of each target, whether earlier speech lasts until the next draft; by default none does.
        """
        options = self._options
        end = first_sample + len(samples)
        least = max(first_sample, end - options.max_buffer_samples)
        self._start_sample = max(least, min(self._start_sample, end - options.min_buffer_samples))
        for target in self._targets:
            target.decided = target.kept = None
            target.has_voiced = False
        self._drafts += 1
        request = Request(
            f"{self._request_id}/{self._drafts}",
            samples[self._start_sample - first_sample :],
            sequences,
            source_times,
            DraftOptions(
                tuple(
                    dataclasses.replace(target.draft, plays_on=plays)
                    for target, plays in zip(self._targets, plays_on or repeat(False), strict=False)
                ),
                options.policy,
                is_final,
                options.step_samples,
                max(0, end - self._drafted_samples),
                options.max_buffer_samples,
                voices_all=end >= options.cut_from_samples,
            ),
        )
        self._drafted_samples = max(self._drafted_samples, end)
        return request

    def record(self, event: DraftDecided | SpeechKept) -> None:
        """Stores what one target of the current draft has come to."""
        target = self._targets[event.sequence]
        if isinstance(event, DraftDecided):
            target.decided = event
        else:
            target.kept = event

    def record_piece(self, sequence: int) -> None:
        """Notes that one target of the current draft was voiced in part."""
        self._targets[sequence].has_voiced = True

    def finish_draft(self) -> None:
        """The current draft has ended: the next one starts from what it decided."""
        starts = [each.decided.kept.start_samples for each in self._targets if each.decided is not None]
        self._has_decided = self._has_decided or bool(starts)
        # a target that failed still needs the whole buffer
        start = 0 if len(starts) < len(self._targets) else min(starts)
        for target in self._targets:
            if target.decided is None:
                target.draft = dataclasses.replace(target.draft, speech=target.speech)
            else:
                target.draft = self._continued(target, target.decided, start)
        self._start_sample += start

    def _continued(self, target: _Target, decided: DraftDecided, start: int) -> SequenceDraft:
        history = decided.kept.token_ids
        if decided.kept.start_samples - start >= self._options.frame_samples:
            longer = history_from(
                decided.draft,
                decided.decision,
                start_samples=start,
                frame_samples=self._options.frame_samples,
            )
            history = max(history, longer, key=len)  # words that are not spoken yet stay
        return dataclasses.replace(
            target.draft,
            history_token_ids=history,
            committed_tokens=target.draft.committed_tokens + decided.decision.committed,
            previous=decided.draft,
            speech=target.speech,
        )
