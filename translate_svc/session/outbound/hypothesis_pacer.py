"""Whether a stream's hypotheses keep up with its audio. Pure."""

from __future__ import annotations

from translate_svc.session.capacity.degradation import Degradation
from translate_svc.session.simultaneous_options import SimultaneousOptions

MAX_STRIDE = 4
_CALM_HYPOTHESES = 10
"""So many hypotheses in time before hypotheses come more often again. Twice as many after each time that
this was too early, so that a load that stays does not make the pace go to and fro.
"""
_MOST_CALM_HYPOTHESES = 16 * _CALM_HYPOTHESES


def least_stride(degradation: Degradation, options: SimultaneousOptions) -> int:
    """The least number of steps from one hypothesis to the next.

    The last level leaves only as many hypotheses as are needed to lose no audio. A hypothesis hears at most
    ``max_buffer_frames``, and all audio since the hypothesis before must fit into them.
    """
    if degradation >= Degradation.FEWEST_DRAFTS:
        return max(4, options.max_buffer_frames // 2 // options.step_frames)
    return {Degradation.NONE: 1, Degradation.RARE_DRAFTS: 2, Degradation.RARER_DRAFTS: 4}[degradation]


class HypothesisPacer:
    """Tells which steps of simultaneous translation to leave out while the server is busy.

    Under load hypotheses get rarer, not later: when a step comes too late, only every second step is
    translated from then on, and every fourth one if that is still too many. They lie on the stream's own
    grid of steps.

    A live stream is late when its audio has waited for more than a step: to translate that step too would
    make the next ones later still. A file that is sent faster than it plays is never late: there the sender
    waits. So a step is late only if, besides, the stream lags behind the clock since its first step.
    """

    def __init__(self, input_rate_hz: int) -> None:
        self._rate_hz = input_rate_hz
        self._origin_s: float | None = None
        self._stride = 1
        self._steps = 0
        self._hypotheses_in_time = 0
        self._hypotheses_wanted = _CALM_HYPOTHESES
        self._hastened = False
        self.least_stride = 1
        """A lower limit for ``stride``, above 1 while the whole server is busy."""

    @property
    def stride(self) -> int:
        """Steps from one hypothesis to the next: 1, 2 or 4."""
        return self._stride

    def is_late(self, heard_position: int, last_sample_s: float, now_s: float, step_s: float) -> bool:
        """Whether to leave out the step at ``heard_position``. Called once for each step, in their order.

        Args:
            heard_position: input sample through which was heard.
            last_sample_s: when that sample arrived.
            now_s: the time now.
            step_s: length of a step.
        """
        played_s = heard_position / self._rate_hz
        if self._origin_s is None:
            self._origin_s = now_s - played_s
        behind_s = now_s - self._origin_s - played_s
        self._steps += 1
        if now_s - last_sample_s > step_s and behind_s > step_s:
            self._slow_down()
            return True
        if (self._steps - 1) % max(self._stride, self.least_stride):
            return True
        self._hypotheses_in_time += 1
        if self._stride > 1 and self._hypotheses_in_time >= self._hypotheses_wanted:
            self._stride //= 2
            self._hypotheses_in_time = 0
            self._hastened = True
        return False

    def _slow_down(self) -> None:
        """Makes hypotheses rarer. All steps that waited for one hypothesis count once."""
        if self._hypotheses_in_time == 0 and self._stride > 1 and not self._hastened:
            return
        if self._hastened:
            self._hypotheses_wanted = min(_MOST_CALM_HYPOTHESES, 2 * self._hypotheses_wanted)
        self._stride = min(MAX_STRIDE, 2 * self._stride)
        self._hypotheses_in_time = 0
        self._hastened = False
