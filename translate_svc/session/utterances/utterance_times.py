"""When things happened to one utterance, and how long its stages took."""

from __future__ import annotations

from collections.abc import Iterable

from translate_svc.engine.events import RequestFinished, StageSpan
from translate_svc.types import ENDPOINTING, StageTiming


class UtteranceTimes:
    """Times of one utterance, in seconds of the event loop's clock.

    Reported milliseconds count from the cut, when ``SpeechEnded`` is made. The time before that, from
    the arrival of the last sample to the cut, is the timing named ``endpointing``: mostly the silence that
    the segmenter waits for. Text of a hypothesis before the cut has the time 0.
    """

    def __init__(self) -> None:
        self.first_text_ms: float | None = None
        self.first_audio_ms: float | None = None
        self._cut_s: float | None = None
        self._endpointing_ms: float | None = None
        self._hypotheses: dict[str, tuple[float, int]] = {}
        self.result: RequestFinished | None = None
        """How the engine has finished the last request of the utterance."""

    @property
    def is_cut(self) -> bool:
        """Whether the utterance was cut."""
        return self._cut_s is not None

    def cut(self, now_s: float, endpointing_ms: float | None) -> None:
        """Notes the cut. ``endpointing_ms``: time from the last speech to the cut; None for a text."""
        self._cut_s = now_s
        self._endpointing_ms = endpointing_ms

    def output_lag_ms(self, now_s: float, played_s: float, offset_ms: float) -> int:
        """The lag of speech that is sent now, played at ``played_s`` and lies at ``offset_ms`` of its speech.

        After the cut it counts from there; before the cut it is how long the speech waits to be played.
        """
        if self._cut_s is None:
            return max(0, round((played_s - now_s) * 1000))
        return max(0, round(self._since_cut_ms(played_s) - offset_ms))

    def record_text(self, now_s: float) -> None:
        """Notes that text is sent. The first call counts."""
        if self.first_text_ms is None:
            self.first_text_ms = self._since_cut_ms(now_s)

    def record_audio(self, now_s: float) -> None:
        """Notes that speech is sent. The first call counts."""
        if self.first_audio_ms is None:
            self.first_audio_ms = self._since_cut_ms(now_s)

    def record_hypothesis(self, timings: Iterable[StageTiming]) -> None:
        """Adds the timings of a hypothesis that is not the last request of the utterance."""
        self._hypotheses = _sum(self._hypotheses, timings)

    def timings(self) -> tuple[StageTiming, ...]:
        """Timings of its stages, hypotheses included; empty before the engine has finished."""
        if self.result is None:
            return ()
        total = _sum(self._hypotheses, self.result.timings)
        timings = tuple(StageTiming(stage, *each) for stage, each in total.items())
        if self._endpointing_ms is None:
            return timings
        return (StageTiming(ENDPOINTING, self._endpointing_ms, 1), *timings)

    def spans(self, now_s: float) -> tuple[StageSpan, ...]:
        """The times at which its stages ran, endpointing first."""
        spans = () if self.result is None else self.result.spans
        if self._endpointing_ms is None:
            return spans
        cut_s = now_s if self._cut_s is None else self._cut_s
        return (StageSpan(ENDPOINTING, self.began_s(now_s), cut_s), *spans)

    def began_s(self, now_s: float) -> float:
        """The time at which its last sample had arrived; ``now_s`` if it was not cut."""
        cut_s = now_s if self._cut_s is None else self._cut_s
        return cut_s - (self._endpointing_ms or 0.0) / 1000

    def _since_cut_ms(self, at_s: float) -> float:
        return 0.0 if self._cut_s is None else (at_s - self._cut_s) * 1000


def _sum(total: dict[str, tuple[float, int]], timings: Iterable[StageTiming]) -> dict[str, tuple[float, int]]:
    """Adds durations; keeps the largest batch."""
    summed = dict(total)
    for each in timings:
        duration_ms, batch_size = summed.get(each.stage, (0.0, 0))
        summed[each.stage] = duration_ms + each.duration_ms, max(batch_size, each.batch_size)
    return summed
