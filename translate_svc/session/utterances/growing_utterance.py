"""An utterance of simultaneous translation: hypotheses while it is spoken, and a last request at its end."""

from __future__ import annotations

from collections.abc import Mapping

from translate_svc.engine.events import EngineEvent, RequestFinished, WaveformPiece
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.hypothesis import HypothesisDecided, SpeechCarriedOver
from translate_svc.session.settings.negotiated import Negotiated
from translate_svc.session.simultaneous_options import SimultaneousOptions
from translate_svc.session.utterances.hypothesis_builder import Continuation, HypothesisBuilder
from translate_svc.session.utterances.live_utterance import LiveUtterance
from translate_svc.session.utterances.speech_writer import Playout
from translate_svc.session.utterances.whole_utterance import WholeUtterance
from translate_svc.types import AudioFormat, DraftReport, Inspect, SampleRange, Samples

_HYPOTHESIS_STEPS = 1.5
"""Time from one hypothesis to the decision about the next one, in steps of audio."""


class GrowingUtterance(LiveUtterance):
    """Each hypothesis starts from the state that the one before left in the builder."""

    def __init__(
        self,
        utterance_id: int,
        position: int,
        settings: Negotiated,
        output: AudioFormat,
        request_id: str,
        options: SimultaneousOptions,
        continued: Continuation | None = None,
    ) -> None:
        """``continued``: the state of the utterance before, if this one continues it."""
        super().__init__(utterance_id, position, settings, output, request_id)
        self._builder = HypothesisBuilder(
            request_id,
            options,
            len(settings.sequences),
            continued,
            settings.settings.terms,
            settings.transcript,
            is_hidden=settings.transcript is not None and settings.sequences[settings.transcript].is_hidden,
        )
        self.options = options
        self._is_continued = False

    @property
    def has_hypotheses(self) -> bool:
        """Whether the policy has decided about a hypothesis."""
        return self._builder.has_decided

    @property
    def _buffer_start_ms(self) -> int:
        return self._builder.buffer_start_ms

    def cut_sample(self, end_sample: int) -> int | None:
        """Where it is to be cut, as ``HypothesisBuilder.cut_sample``."""
        return self._builder.cut_sample(end_sample)

    def continuation(self) -> Continuation:
        """The state from which the next utterance starts."""
        return self._builder.continuation()

    def _last_request(
        self, content: Samples | SourceText, sequences: tuple[SequenceSpec, ...], *, source_times: bool
    ) -> Request:
        assert not isinstance(content, SourceText), "a text does not grow"
        return self._builder.hypothesis(content, 0, sequences, is_final=True, source_times=source_times)

    def _paced(self, index: int, playout: Playout | None, now_s: float) -> SequenceSpec:
        return self._sequences[index].paced_hypothesis_spec(playout, now_s, self._builder.speech(index))

    def plan_comparisons(self) -> None:
        """Texts of several hypotheses are not compared."""

    def _moved_tokens(self, sequence: int) -> int:
        return self._builder.moved_tokens(sequence, is_continued=self._is_continued)

    def _record_piece(self, event: WaveformPiece) -> None:
        self._builder.record_piece(event.sequence)

    def is_overdue(self, end_sample: int) -> bool:
        """Whether audio would be heard by no hypothesis if the step at ``end_sample`` of the utterance, at
        16 kHz, were left out: the buffer of the next step would begin behind what was heard.
        """
        next_end = end_sample + self.options.step_samples
        return next_end - self.options.max_buffer_samples > self._source_samples

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
        self.source = SampleRange(self.source.start, heard_position)
        self._source_samples = first_sample + len(samples)
        self._hear_sound(samples, first_sample)
        sequences = self._paced_specs(playouts, now_s)
        request = self._builder.hypothesis(
            samples,
            first_sample,
            sequences,
            is_final=False,
            source_times=Inspect.TOKENS in self._include,
            playback_pending=self._playback_pending(
                playouts, now_s + _HYPOTHESIS_STEPS * self.options.step_s
            ),
        )
        self._expect(request.request_id, heard_position)
        return request

    def close(
        self,
        source: SampleRange,
        samples: Samples,
        now_s: float,
        endpointing_ms: float,
        voiced_s: float | None,
    ) -> list[EngineEvent]:
        """Ends an utterance that the next one continues. Returns the events of its end.

        ``source``: its range in input samples. ``samples``: ``[n]``, its audio at 16 kHz. The others are as
        for ``cut``.
        """
        self._is_continued, self._voiced_s = True, voiced_s
        self.source = source
        self._source_samples = len(samples)
        self._hear_sound(samples, 0)
        self._times.cut(now_s, endpointing_ms)
        return self.closing_events()

    def record_hypothesis(self, event: HypothesisDecided | SpeechCarriedOver) -> DraftReport | None:
        """Stores an event of one target of a hypothesis. Returns its report if the client asked for
        hypotheses.
        """
        self._builder.record(event)
        if isinstance(event, SpeechCarriedOver):
            return None
        sequence = self._sequences[event.sequence]
        sequence.record_hypothesis(event)
        if Inspect.DRAFTS not in self._include or sequence.plan.is_hidden:
            return None
        return sequence.hypothesis_report(event, self._heard[event.request_id])

    def finish_request(self, event: RequestFinished, *, is_hypothesis: bool) -> None:
        """Ends a request: a hypothesis that is not the last one, or the last request."""
        if not is_hypothesis:
            super().finish_request(event, is_hypothesis=False)
            return
        self._builder.finish_hypothesis()
        self._times.record_hypothesis(event.timings)

    def _playback_pending(self, playouts: Mapping[str, Playout], until_s: float) -> tuple[bool, ...]:
        """For each sequence, whether its earlier speech still plays at ``until_s``."""
        return tuple(
            each.playback_pending(playouts.get(each.plan.spec.language), until_s) for each in self._sequences
        )


def new_utterance(
    utterance_id: int,
    position: int,
    settings: Negotiated,
    output: AudioFormat,
    request_id: str,
    continued: Continuation | None,
) -> LiveUtterance:
    """An utterance of the kind that the settings ask for. It starts at input sample ``position``."""
    options = settings.simultaneous
    if options is None:
        return WholeUtterance(utterance_id, position, settings, output, request_id)
    return GrowingUtterance(utterance_id, position, settings, output, request_id, options, continued)
