"""Requests that wait for slots, in an order that is fair between callers."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator

from translate_svc.engine.options import source_frames
from translate_svc.engine.scheduling.request_state import RequestState

_REMEMBERED_REQUESTS = 1_024


class FairQueue:
    """Start-time fair queueing (Goyal, Vin, Cheng 1996), with callers as flows.

    A request costs its source frames, once for the encoder and once for each slot. It starts, in virtual
    time, when its caller's request before it ends, but not before the present. The request that starts first
    is next. So a caller who waits with a hundred requests gets as much as one who waits with a single one.
    A caller that has been idle gets no credit for that.

    * The requests of one caller keep their order. With ``window`` above 1 the longest goes first: among the
      requests of one caller in one window (``window`` requests of all callers), which share their turns.
    * Hypotheses that are not final come after all other requests.
    * Virtual time advances with each admission, also if all requests are of callers never seen before. So no
      request waits forever.
    """

    def __init__(self, window: int = 1) -> None:
        """``window``: see ``EngineLimits.admission_window``."""
        self._window = window
        self._waiting: dict[str, RequestState] = {}
        self._starts: dict[str, float] = {}  # by request
        self._ends: dict[str, float] = {}  # of the last request, by caller
        self._now = 0.0
        self._recent: deque[str] = deque(maxlen=_REMEMBERED_REQUESTS)
        self._recent_counts: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._waiting)

    def __iter__(self) -> Iterator[RequestState]:
        """All requests, the next one first. The queue must not change meanwhile."""
        # the sort is stable, and dictionaries keep the order of arrival
        turns = sorted(self._waiting.values(), key=self._rank)
        return iter(turns if self._window == 1 else self._longest_first(turns))

    def unordered(self) -> Iterable[RequestState]:
        """All requests, in any order, without the cost of sorting them."""
        return self._waiting.values()

    def _longest_first(self, turns: list[RequestState]) -> Iterator[RequestState]:
        """Hands the turns of each caller and window to its requests again, the longest first."""
        groups: defaultdict[tuple[bool, str, int], list[RequestState]] = defaultdict(list)
        for state in turns:
            groups[self._group(state)].append(state)
        longest = {
            group: iter(sorted(states, key=lambda each: source_frames(each.source), reverse=True))
            for group, states in groups.items()
        }
        return (next(longest[self._group(state)]) for state in turns)

    def _take_first_turn(self, state: RequestState) -> None:
        """Gives ``state`` the earliest start of its group; the request that had it gets that of ``state``."""
        group = [each for each in self._waiting.values() if self._group(each) == self._group(state)]
        first = min(group, key=self._rank).request.request_id
        own = state.request.request_id
        self._starts[first], self._starts[own] = self._starts[own], self._starts[first]

    def _group(self, state: RequestState) -> tuple[bool, str, int]:
        return state.request.is_final, state.request.caller, state.job_id // self._window

    def add(self, state: RequestState) -> None:
        """Adds a request after the other requests of its caller."""
        caller, request_id = state.request.caller, state.request.request_id
        start = max(self._now, self._ends.get(caller, 0.0))
        self._waiting[request_id], self._starts[request_id] = state, start
        self._ends[caller] = start + _cost(state)
        if len(self._recent) == _REMEMBERED_REQUESTS:
            self._forget(self._recent[0])
        self._recent.append(caller)
        self._recent_counts[caller] += 1

    def remove(self, request_id: str) -> None:
        """Drops a waiting request. Unknown requests are ignored."""
        self._waiting.pop(request_id, None)
        self._starts.pop(request_id, None)

    def admit(self, state: RequestState) -> None:
        """Takes a request out and advances virtual time."""
        if self._window > 1:
            self._take_first_turn(state)
        callers = len({each.request.caller for each in self._waiting.values()})
        start = self._starts[state.request.request_id]
        # less than the whole cost: a request that comes now starts before the next request of this caller
        self._now = max(self._now, start) + _cost(state) / (1 + callers)
        self.remove(state.request.request_id)

    def has_others(self, caller: str) -> bool:
        """Whether another caller was among those of the last 1,024 requests."""
        return len(self._recent_counts) > (1 if caller in self._recent_counts else 0)

    def _rank(self, state: RequestState) -> tuple[bool, float]:
        return not state.request.is_final, self._starts[state.request.request_id]

    def _forget(self, caller: str) -> None:
        """Forgets the oldest remembered request of ``caller``."""
        self._recent_counts[caller] -= 1
        if not self._recent_counts[caller]:
            del self._recent_counts[caller]
            self._ends.pop(caller, None)


def _cost(state: RequestState) -> int:
    return source_frames(state.source) * (1 + state.needed_slots)
