"""How stage 1 changes over its budget of time: which examples are let in, learning rate, CTC weight."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

FRAMES_PER_S = 50

_PEAK_LEARNING_RATE, _REFINING_LEARNING_RATE, _WARM_UP_STEPS = 1.5e-3, 6e-4, 300
_FINAL_SHARE_OF_PEAK = 0.01
_EASY_SHARE = 0.2
TAKEN_UP_SHARE = 0.7
_ALL_LENGTHS_SHARE = 0.45
_SHORTEST_LIMIT_S, _LONGEST_LIMIT_S = 5.0, 20.0
_CTC_WEIGHTS = (1.0, 0.3)
_LEARNT_TEXT_SHARE = 0.4


class Run(enum.Enum):
    """What a run trains."""

    WHOLE = "whole"
    """Speech encoder, text encoder and text decoder."""
    REFINE = "refine"
    """The speech encoder alone, from the text stage's end."""
    READ = "read"
    """All but the speech encoder: texts are learnt, and speech is heard as before."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """One run: its time, and what it trains."""

    budget_s: float
    run: Run = Run.WHOLE
    taken_up_share: float = TAKEN_UP_SHARE

    @property
    def refines(self) -> bool:
        return self.run is Run.REFINE

    @property
    def name(self) -> str:
        return "speech" if self.refines else "text"

    @property
    def taken_up_s(self) -> float:
        """The time that counts as spent on weights which a finished checkpoint brought: all lengths are in,
        and the learning rate is low enough not to unlearn what they know.
        """
        return self.taken_up_share * self.budget_s

    def is_easy(self, spent_s: float) -> bool:
        """Whether clean single sentences are trained on."""
        return not self.refines and self._share(spent_s) < _EASY_SHARE

    def longest_frames(self, spent_s: float) -> int:
        """The longest example let in, in stacked frames of 20 ms; it grows until all there are fit."""
        return int(FRAMES_PER_S * self._between(_SHORTEST_LIMIT_S, _LONGEST_LIMIT_S, spent_s))

    def ctc_weight(self, spent_s: float) -> float:
        """High until speech and text are aligned, for that is what the decoder's attention waits for."""
        return self._between(*_CTC_WEIGHTS, spent_s)

    def text_share(self, spent_s: float) -> float:
        """Of the text pairs a step may have: all, then few, for text is learnt long before speech is. Where
        speech is only read, it is not waited for."""
        is_early = self._share(spent_s) < _ALL_LENGTHS_SHARE
        return 1.0 if is_early or self.run is Run.READ else _LEARNT_TEXT_SHARE

    def learning_rate(self, step: int, spent_s: float) -> float:
        peak = _REFINING_LEARNING_RATE if self.refines else _PEAK_LEARNING_RATE
        warm_up = min(1.0, (step + 1) / _WARM_UP_STEPS)
        decay = 0.5 * (1 + math.cos(math.pi * self._share(spent_s)))
        return peak * warm_up * max(_FINAL_SHARE_OF_PEAK, decay)

    def _share(self, spent_s: float) -> float:
        return min(1.0, spent_s / self.budget_s)

    def _between(self, first: float, last: float, spent_s: float) -> float:
        """`first` until the easy part is over, `last` once all lengths are in, a line in between."""
        if self.refines:
            return last
        passed = (self._share(spent_s) - _EASY_SHARE) / (_ALL_LENGTHS_SHARE - _EASY_SHARE)
        return first + (last - first) * min(1.0, max(0.0, passed))
