"""How an utterance ended: its status, what it used, how sure its texts are, and its report."""

from __future__ import annotations

from collections.abc import Sequence

from translate_svc.engine.events import FinishStatus
from translate_svc.engine.sequence_spec import HEARD
from translate_svc.session.observer import UtteranceReport
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.session.utterances.live_sequence import LiveSequence
from translate_svc.session.utterances.text_confidence import ConfidenceMeter
from translate_svc.session.utterances.utterance_language import UtteranceLanguage
from translate_svc.session.utterances.utterance_times import UtteranceTimes
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    Inspect,
    SampleRange,
    TextAlternative,
    TextAlternatives,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)


class UtteranceOutcome:
    """Made of what the parts of an utterance know when its ``UtteranceDone`` is due."""

    def __init__(
        self,
        sequences: Sequence[LiveSequence],
        times: UtteranceTimes,
        language: UtteranceLanguage,
        confidence: ConfidenceMeter,
        settings: Negotiated,
    ) -> None:
        self._sequences = sequences
        self._times = times
        self._language = language
        self._confidence = confidence
        self._settings = settings
        self.alternatives: dict[int, tuple[TextAlternative, ...]] = {}
        """Further texts that beam search found, by sequence."""

    def done_event(
        self, utterance_id: int, source: SampleRange, source_samples: int, status: UtteranceStatus | None
    ) -> UtteranceDone:
        """``source_samples``: at 16 kHz. ``status``: by default it follows from the sequences."""
        texts = {
            index
            for index, sequence in enumerate(self._sequences)
            if status is None and sequence.status in (FinishStatus.OK, FinishStatus.TRUNCATED)
            if not sequence.plan.is_hidden
        }
        return UtteranceDone(
            utterance_id=utterance_id,
            source=source,
            status=status or self._status(),
            usage=self._usage(source_samples),
            timings=self._times.timings() if Inspect.TIMINGS in self._settings.settings.include else (),
            end_to_first_text_ms=self._times.first_text_ms,
            end_to_first_audio_ms=self._times.first_audio_ms,
            confidences=self._confidence.confidences(texts),
            alternatives=tuple(
                TextAlternatives(*self._sequences[index].plan.name, found)
                for index, found in sorted(self.alternatives.items())
                if index in texts
            ),
        )

    def report(self, done: UtteranceDone, now_s: float) -> UtteranceReport:
        """The report for the observer. ``now_s``: loop time in seconds."""
        named = self._settings.settings.source_language
        plans = [sequence.plan for sequence in self._sequences]
        return UtteranceReport(
            done=done,
            source_language=self._language.code if self._settings.detects_language else named,
            target_languages=tuple(
                plan.spec.language for plan in plans if plan.lanes and plan.spec.language != HEARD
            ),
            timings=self._times.timings(),
            spans=self._times.spans(now_s),
            began_s=self._times.began_s(now_s),
            ended_s=now_s,
            heard_language=self._language.answer,
        )

    def _status(self) -> UtteranceStatus:
        statuses = {sequence.status for sequence in self._sequences if sequence.plan.lanes}
        if self._times.result is not None:
            statuses.add(self._times.result.status)
        if FinishStatus.FAILED in statuses or None in statuses:
            return UtteranceStatus.FAILED
        return UtteranceStatus.EMPTY if statuses <= {FinishStatus.EMPTY} else UtteranceStatus.OK

    def _usage(self, source_samples: int) -> Usage:
        return Usage(
            source_ms=source_samples * 1000 // INTERNAL_SAMPLE_RATE_HZ,
            text_tokens=sum(each.tokens for each in self._sequences),
            speech_ms=round(sum(each.written_s for each in self._sequences) * 1000),
            utterances=1,
        )
