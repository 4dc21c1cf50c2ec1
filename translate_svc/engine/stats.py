"""Statistics of the running engine: its totals, and the time between two admissions."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.engine.events import FinishStatus
from translate_svc.engine.relative_cost import relative_cost
from translate_svc.engine.request import HypothesisRequest
from translate_svc.engine.scheduling.request_state import RequestState

_SMOOTHING = 0.2
_FIRST_GUESS_S = 0.5
_SHORTEST_S, _LONGEST_S = 0.1, 60.0


@dataclass(slots=True)
class Totals:
    """Counts since the start; they only grow. From ``failed_requests`` to ``speech_units`` they are those of
    finished requests.

    The engine's thread writes and any thread may read. There is no lock: each count is correct by itself, but
    two counts may be one step apart.

    Attributes:
        work_s: time that steps spent on the speech of finished requests, without the fixed cost of a step
            (``BatchCosts``). Texts do not count, nor does what was dropped: ``source_samples`` lacks it, too.
        step_s: time that the stages of steps took, all of it: the engine's share of the time.
        relative_samples: ``source_samples``, each weighed by what its kind of request costs beside others
            (``relative_cost``).
        slot_s: time that slots were busy, of all slots together, while steps ran.
    """

    steps: int = 0
    failed_requests: int = 0
    finished_requests: int = 0
    text_tokens: int = 0
    source_samples: int = 0
    speech_units: int = 0
    work_s: float = 0.0
    step_s: float = 0.0
    slot_s: float = 0.0
    relative_samples: float = 0.0

    def count(self, state: RequestState, status: FinishStatus) -> None:
        """Adds a request whose sequences have all ended; ``status`` is that of the request. One that only
        scores given texts belongs to another: nothing but its work counts.
        """
        is_scored = all(spec.is_scored for spec in state.request.sequences)
        if status is FinishStatus.FAILED:
            self.failed_requests += not is_scored
            return
        self.work_s += state.work_s
        if is_scored:
            return
        self.finished_requests += 1
        shown = [sequence for sequence in state.sequences if not sequence.spec.hidden]
        self.text_tokens += sum(sequence.delivered_tokens for sequence in shown)
        self.speech_units += sum(sequence.speech.voiced_units for sequence in state.sequences)
        request = state.request
        self.source_samples += request.new_samples
        cost = relative_cost(request.sequences, is_growing=isinstance(request, HypothesisRequest))
        self.relative_samples += cost * request.new_samples


class RetryEstimate:
    """Estimates when a full waiting queue has room again.

    It smooths the time between two admissions exponentially, while other requests wait. The engine's thread
    calls ``observe``; any thread may call ``seconds``.
    """

    def __init__(self) -> None:
        self._interval_s = _FIRST_GUESS_S
        self._waiting_since: float | None = None

    def observe(self, admitted: int, waiting: int, now: float) -> None:
        """Updates the estimate after a step.

        ``admitted``: requests that the step admitted. ``waiting``: requests that wait after it. ``now``: the
        time on a monotonic clock, in seconds.
        """
        if admitted and self._waiting_since is not None:
            interval_s = (now - self._waiting_since) / admitted
            self._interval_s += _SMOOTHING * (interval_s - self._interval_s)
        if not waiting:
            self._waiting_since = None  # idle time says nothing about how fast the queue moves
        elif admitted or self._waiting_since is None:
            self._waiting_since = now

    def seconds(self, waiting: int) -> float:
        """Seconds until half of a queue of ``waiting`` requests is admitted, within 0.1 to 60.

        Later callers then find room, and do not all retry when the first place is free.
        """
        return min(max(self._interval_s * waiting / 2, _SHORTEST_S), _LONGEST_S)
