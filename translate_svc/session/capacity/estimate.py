"""How many streams the engine keeps up with, measured. Pure."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CapacityOptions:
    """How the capacity is estimated.

    Attributes:
        max_streams: the operator's limit. It also counts until the engine was measured.
        measured: whether anything is measured at all.
        target_load: the share of its time that the engine may work. At load x everything takes about
            1 / (1 - x) times as long as alone: 1.4 times at 0.3, ten times at 0.9. The slowest twentieth
            feels it more, since utterances that end together share their steps; and the estimate itself
            varies by a quarter. At 0.4 its first texts took up to 2.1 times as long as with a fifth less.
        open_load: a stream is admitted while the engine works less than this share of the time on all that it
            does, with what those who have just come will take. This goes beyond ``target_load`` where the
            engine does little all the same, and is bounded by what it would do if all streams spoke.
        load_s: time over which the engine's share is averaged.
        target_slots: the share of the decoder's slots that may be in use.
        warm_up_audio_s: audio whose cost is ignored, since first steps are slow.
        least_audio_s: audio after which the cost is known.
        memory_audio_s: audio over which the cost is averaged.
        memory_s: the same in time; the longer one of the two counts.
        activity_s: time over which it is averaged how much streams speak.
        least_activity: streams are expected to speak at least this share of the time. Streams that are silent
            now may all speak later.
        rise_s: how long a higher estimate must last before it counts.
        fall_s: how long a lower estimate must last before it counts.
        behind_s: with this lag the engine does not keep up.
        calm_lag_s: below this lag it keeps up again.
        calm_s: how long the lag must be below ``calm_lag_s`` for that.
        backoff: by this factor the estimate shrinks each time that the engine did not keep up.
        recovery_per_s: by this the factor grows again, each second, and faster after a lag that fell faster:
            it is back in the time in which the lag came down.
    """

    max_streams: int
    measured: bool = True
    target_load: float = 0.3
    open_load: float = 0.5
    load_s: float = 5.0
    target_slots: float = 0.7
    warm_up_audio_s: float = 5.0
    least_audio_s: float = 20.0
    memory_audio_s: float = 60.0
    memory_s: float = 10.0
    activity_s: float = 30.0
    least_activity: float = 0.5
    rise_s: float = 5.0
    fall_s: float = 1.5
    behind_s: float = 1.5
    calm_lag_s: float = 0.75
    calm_s: float = 3.0
    backoff: float = 0.85
    recovery_per_s: float = 0.01


_COSTLIEST = 16.0
"""No stream costs more than so many of one text each. Until costs are known, ``max_streams`` alone counts."""


@dataclass(frozen=True, slots=True)
class LoadSample:
    """Observations at one moment.

    Attributes:
        now_s: time, in seconds.
        settled: streams that have been open for some seconds, so that their speech shows in ``audio_s``.
        live: streams and calls inside, each counting as much as its kind costs (``relative_cost``).
        work_s: the engine's work on speech so far (``Totals.work_s``).
        slot_s: time that its slots were busy so far (``Totals.slot_s``).
        audio_s: speech that it has translated so far.
        slots: its slots.
        lag_s: how far the slower ones of the streams inside are behind; 0 if nobody is.
        step_s: the engine's time for everything so far (``Totals.step_s``).
        newest: the part of ``live`` that came so lately that the engine's load does not show it yet.
        relative_audio_s: ``audio_s``, each second counting as much as its kind costs; None: all are alike.
    """

    now_s: float
    settled: int
    live: float
    work_s: float
    slot_s: float
    audio_s: float
    slots: int
    lag_s: float = 0.0
    step_s: float = 0.0
    newest: float = 0.0
    relative_audio_s: float | None = None

    @property
    def relative_s(self) -> float:
        """Speech so far, in seconds of the cheapest kind."""
        return self.audio_s if self.relative_audio_s is None else self.relative_audio_s


class CapacityEstimate:
    """Estimates from samples how many streams the engine carries: streams of one text each. A stream of a
    kind that costs more counts for several.

    * The **cost** of a second of speech is the engine's work for it. The number of streams inside changes
      nothing about it, nor does a file that is sent faster than it plays.
    * A stream speaks some share of the time, its **activity**. Cost times activity is the load of a stream.
      The capacity is what fits under ``target_load`` and ``target_slots``.
    * The estimate rises only after it was clearly higher for ``rise_s``, and falls after it was lower for
      ``fall_s``, so that noise does not make it oscillate.
    * While the engine's **load** is below ``open_load``, further streams are admitted above that, as many as
      fit below it by what they cost.
    * If streams **fall behind** all the same, because something else is too slow, nobody is admitted until
      they have caught up, and the estimate shrinks for a while.
    * **Before the cost is known** the operator's limit counts, or the number inside when streams fell behind.
    """

    def __init__(self, options: CapacityOptions) -> None:
        self._options = options
        self._last: LoadSample | None = None
        self._measured_audio_s = 0.0
        self._audio_s = self._relative_s = self._work_s = self._slot_s = 0.0  # recent ones
        self._activity = 1.0
        self._recent: deque[tuple[float, float]] = deque()
        self._most = options.max_streams * _COSTLIEST
        self._streams = self._most
        self._trim = 1.0
        self._load = 0.0
        self._worst_lag = 0.0, 0.0  # and when
        self._recovery_per_s = options.recovery_per_s
        self._keeps_up = True
        self._calm_since_s: float | None = None
        self._behind_since_s: float | None = None

    @property
    def measured(self) -> bool:
        """Whether the cost of speech is known."""
        return self._measured_audio_s >= self._options.least_audio_s

    @property
    def cost(self) -> float:
        """Seconds that the engine works for a second of speech; 0 before it is known."""
        return self._work_s / self._audio_s if self.measured and self._audio_s else 0.0

    @property
    def keeps_up(self) -> bool:
        """Whether the streams inside get their results in time."""
        return self._keeps_up

    @property
    def sustained(self) -> float:
        """Streams of one text that the engine carries, 1 or more, whatever ``max_streams`` is."""
        if not self._keeps_up and self._last is not None:
            return max(1.0, min(self._streams, self._last.live))
        return self._streams

    @property
    def units(self) -> float:
        """Streams of one text that may be inside now: more than ``sustained`` while there is little load."""
        options, last = self._options, self._last
        if last is None or not self._keeps_up or not self.measured:
            return self.sustained
        beyond = options.open_load / options.target_load
        room = beyond * (1 - self._load / options.open_load) * self._streams - last.newest
        return max(self._streams, min(last.live + room, beyond * self._streams))

    @property
    def streams(self) -> int:
        """Streams of one text that the engine carries, 1 to ``max_streams``."""
        return min(math.floor(self.sustained), self._options.max_streams)

    def observe(self, sample: LoadSample) -> None:
        """Takes the next sample."""
        last, self._last = self._last, sample
        if last is None:
            return
        elapsed_s = sample.now_s - last.now_s
        if elapsed_s > 0:
            share = min(1.0, (sample.step_s - last.step_s) / elapsed_s)
            self._load += (1 - math.exp(-elapsed_s / self._options.load_s)) * (share - self._load)
        self._observe_cost(last, sample, elapsed_s)
        self._observe_lag(sample, elapsed_s)
        if self.measured:
            self._settle(sample.now_s, self._raw_streams(sample.slots))

    def _observe_cost(self, last: LoadSample, sample: LoadSample, elapsed_s: float) -> None:
        options = self._options
        audio_s = sample.audio_s - last.audio_s
        if sample.settled:
            rate = min(1.0, audio_s / elapsed_s / sample.settled) if elapsed_s > 0 else 0.0
            self._activity += (1 - math.exp(-elapsed_s / options.activity_s)) * (rate - self._activity)
        if sample.audio_s < options.warm_up_audio_s:
            return
        keep = math.exp(-min(audio_s / options.memory_audio_s, elapsed_s / options.memory_s))
        self._audio_s = keep * self._audio_s + audio_s
        self._relative_s = keep * self._relative_s + sample.relative_s - last.relative_s
        self._work_s = keep * self._work_s + sample.work_s - last.work_s
        self._slot_s = keep * self._slot_s + sample.slot_s - last.slot_s
        self._measured_audio_s += audio_s

    def _raw_streams(self, slots: int) -> float:
        options = self._options
        activity = max(options.least_activity, self._activity)
        by_work = options.target_load * self._relative_s / max(self._work_s, 1e-9)
        by_slots = options.target_slots * slots * self._relative_s / max(self._slot_s, 1e-9)
        return self._trim * min(by_work, by_slots) / activity

    def _settle(self, now_s: float, raw: float) -> None:
        """Follows ``raw`` where it was higher, or lower, for long enough."""
        options = self._options
        self._recent.append((now_s, raw))
        while self._recent[0][0] < now_s - options.rise_s:
            self._recent.popleft()
        spans = now_s - self._recent[0][0]
        margin = max(0.5, 0.05 * self._streams)
        if spans >= options.fall_s:
            lately = [each for at_s, each in self._recent if at_s >= now_s - options.fall_s]
            if max(lately) < self._streams - margin / 2:
                self._streams = max(1.0, math.floor(max(lately)))
        if spans >= 0.8 * options.rise_s:
            lasting = min(each for _, each in self._recent)
            if lasting >= self._streams + 1 + margin:
                self._streams = min(math.floor(lasting), self._most)

    def _observe_lag(self, sample: LoadSample, elapsed_s: float) -> None:
        options = self._options
        if self._keeps_up:
            self._trim = min(1.0, self._trim + self._recovery_per_s * elapsed_s)
            if sample.lag_s < options.behind_s:
                self._behind_since_s = None
            elif self._behind_since_s is None:
                self._behind_since_s = sample.now_s
            elif sample.now_s - self._behind_since_s >= options.fall_s:
                self._keeps_up, self._calm_since_s = False, None
                self._worst_lag = 0.0, sample.now_s
                self._trim = max(0.3, self._trim * options.backoff)
                if not self.measured:
                    self._streams = min(self._streams, max(1.0, math.floor(sample.live * options.backoff)))
            return
        if sample.lag_s >= self._worst_lag[0]:
            self._worst_lag = sample.lag_s, sample.now_s
        if sample.lag_s >= options.calm_lag_s and sample.live:
            self._calm_since_s = None
        elif self._calm_since_s is None:
            self._calm_since_s = sample.now_s
        elif sample.now_s - self._calm_since_s >= options.calm_s:
            self._keeps_up, self._behind_since_s = True, None
            fell_s = max(options.calm_s, self._calm_since_s - self._worst_lag[1])
            self._recovery_per_s = max(options.recovery_per_s, (1 - self._trim) / fell_s)
