"""How far speech lags behind its source, and how much it is hurried to catch up."""

from __future__ import annotations


class Playout:
    """A listener who plays one language's speech as it comes, without a gap and without skipping any."""

    def __init__(self) -> None:
        self._busy_until_s = 0.0

    def hear(self, now_s: float, duration_s: float) -> float:
        """Takes speech that arrives now; returns when its first sample is heard."""
        start_s = max(now_s, self._busy_until_s)
        self._busy_until_s = start_s + duration_s
        return start_s

    def backlog_s(self, now_s: float) -> float:
        """Speech that has arrived and is still to be heard."""
        return max(0.0, self._busy_until_s - now_s)


def catch_up_factor(
    backlog_s: float, source_s: float, *, duration_factor: float, catch_up_duration_factor: float
) -> float:
    """The duration factor of an utterance whose speech will wait behind ``backlog_s`` of earlier speech.

    Before the next speech is due, about as much time passes as this utterance's source lasted. The backlog
    and this speech, which at factor 1 lasts about as long as its source, are to fit into it: as fast as that
    takes and no faster, between the two factors. Where speech runs longer than its source the lag settles
    instead of growing: at ``r`` times the source's length, ``(r - 1) / r`` of an utterance, as long as
    ``catch_up_duration_factor`` is below ``1 / r``.
    """
    if backlog_s <= 0:
        return duration_factor
    needed = 1.0 - backlog_s / source_s if source_s > 0 else 0.0
    return min(duration_factor, max(catch_up_duration_factor, needed))
