"""Whether a stream's drafts keep up with its audio. Pure."""

from __future__ import annotations


class DraftPacer:
    """Tells when a step of simultaneous translation comes too late to be drafted.

    A live stream is late when its audio has waited for more than a step: to draft that step too would make
    the next ones later still. A file that is sent faster than it plays is never late: there the sender waits.
    So a step is late only if, besides, the stream lags behind the clock since its first step.
    """

    def __init__(self, input_rate_hz: int) -> None:
        self._rate_hz = input_rate_hz
        self._origin_s: float | None = None

    def is_late(self, heard_position: int, last_sample_s: float, now_s: float, step_s: float) -> bool:
        """Whether to leave out the step at ``heard_position``.

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
        return now_s - last_sample_s > step_s and behind_s > step_s
