"""Admission control: a stream or call is served at once, or refused and told when to retry."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from translate_svc.errors import ResourceExhausted
from translate_svc.session.capacity.fair_places import FairPlaces


@dataclass(frozen=True, slots=True)
class AdmissionOptions:
    """Limits. When one is reached, a new stream or call is refused at once instead of being served late.

    Attributes:
        max_streams: streams and calls that are served at the same time.
        max_waiting_requests: requests that wait for the engine.
        max_queued_input_ms: audio of all streams that waits to be processed.
        retry_after_s: the delay after which a refused caller is told to try again.
        retries_per_s: many refused callers are told different times, so that no more than these come each
            second: each of them costs the server a millisecond or two.
        max_retry_after_s: no caller is told a longer delay.
    """

    max_streams: int = 32
    max_waiting_requests: int = 64
    max_queued_input_ms: int = 120_000
    retry_after_s: float = 2.0
    retries_per_s: float = 10.0
    max_retry_after_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Backlog:
    """Work that admitted streams and calls wait for."""

    waiting_requests: int = 0
    queued_input_ms: int = 0


_NEWEST_S = 10.0
"""After this time the speech of a stream shows in what the engine does."""


class AdmissionSlot:
    """The right to one live stream or call. ``release`` gives it back."""

    def __init__(self, on_release: Callable[[], None]) -> None:
        """``on_release``: called once, when the slot is given back."""
        self._on_release = [on_release]

    @property
    def held(self) -> bool:
        """Whether the slot has not been given back yet."""
        return bool(self._on_release)

    def on_release(self, call: Callable[[], None]) -> None:
        """Calls ``call``, too, once the slot is given back."""
        self._on_release.append(call)

    def release(self) -> None:
        """Gives the slot back. Further calls do nothing."""
        calls, self._on_release = self._on_release, []
        for call in calls:
            call()


class RetrySchedule:
    """Tells refused callers when to try again: one after another."""

    def __init__(self, options: AdmissionOptions, clock: Callable[[], float]) -> None:
        self._options = options
        self._clock = clock
        self._next_s = 0.0

    def delay_s(self) -> float:
        """The delay for one more caller."""
        options, now_s = self._options, self._clock()
        at_s = max(now_s + options.retry_after_s, self._next_s)
        self._next_s = min(at_s + 1 / options.retries_per_s, now_s + options.max_retry_after_s)
        return min(at_s - now_s, options.max_retry_after_s)


class Admission:
    """Counts live streams. Nothing waits here: a stream is admitted at once or refused."""

    def __init__(
        self,
        options: AdmissionOptions,
        backlog: Callable[[], Backlog] = Backlog,
        capacity: Callable[[], float] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``backlog`` is called at each admission, unless ``max_streams`` is reached already.

        ``capacity``: the relative cost of streams and calls that the engine keeps up with; None: this is not
        measured. ``clock``: in seconds.
        """
        self._options = options
        self._backlog = backlog
        self._capacity = capacity
        self._retries = RetrySchedule(options, clock)
        self._places = FairPlaces(clock)
        self._clock = clock
        self._newest: dict[int, tuple[float, float]] = {}  # by number
        self._live = 0
        self._cost = 0.0
        self.admitted = 0
        """Streams and calls admitted so far."""
        self.rejected = 0
        """Streams and calls refused so far."""

    @property
    def live(self) -> int:
        """Streams and calls that hold a slot."""
        return self._live

    @property
    def cost(self) -> float:
        """The sum of the relative costs of those that hold a slot."""
        return self._cost

    @property
    def newest_cost(self) -> float:
        """The sum of the relative costs of those inside that began in the last seconds."""
        shown_s = self._clock() - _NEWEST_S
        self._newest = {number: each for number, each in self._newest.items() if each[0] > shown_s}
        return sum(cost for _, cost in self._newest.values())

    def admit(self, caller: str | None = None, cost: float = 1.0, *, goes_on: bool = False) -> AdmissionSlot:
        """Takes a slot for ``caller``; None: it cannot be told from others.

        ``cost``: of its kind of stream beside one of a single text (``engine.relative_cost``). ``goes_on``:
        the stream continues one that has just ended here. The engine's load does not grow, so its measured
        capacity does not count.

        Raises:
            ResourceExhausted: a limit is reached. The error says which one, and when to try again.
        """
        capacity = self._room(goes_on)
        self._check(caller, cost, capacity, goes_on)
        above = self._is_above(cost, capacity)
        self._live += 1
        self._cost += cost
        self.admitted += 1
        number = self.admitted
        if not goes_on:
            self._newest[number] = self._clock(), cost
        if caller is not None:
            self._places.enter(caller, cost, above=above)
        return AdmissionSlot(lambda: self._release(number, caller, cost, above))

    def check(self, caller: str | None = None, cost: float = 1.0, *, goes_on: bool = False) -> None:
        """Raises as ``admit`` does, and counts a refusal then, but takes no slot."""
        self._check(caller, cost, self._room(goes_on), goes_on)

    def _check(self, caller: str | None, cost: float, capacity: float, goes_on: bool) -> None:
        if reason := self._refusal_reason(caller, cost, capacity, goes_on):
            self._refuse(reason, caller)

    def _refuse(self, reason: str, caller: str | None) -> NoReturn:
        self.rejected += 1
        retry_after_s = self._retries.delay_s()
        if caller is not None:
            self._places.refuse(caller, retry_after_s)
        raise ResourceExhausted(reason, retry_after_s=retry_after_s)

    def _refusal_reason(self, caller: str | None, cost: float, capacity: float, goes_on: bool) -> str:
        limits = self._options
        if self._live >= limits.max_streams:
            return f"all {limits.max_streams} streams are in use"
        places = self._places_like_those_inside(capacity)
        if self._is_above(cost, capacity) and (
            caller is None or not self._places.has_reserve(caller, cost, self._cost, capacity)
        ):
            return self._is_full(places)
        if caller is not None and not goes_on and self._places.gives_way(caller, places):
            return "a caller without a stream waits, and this one has its share of the places"
        backlog = self._backlog()
        if backlog.waiting_requests >= limits.max_waiting_requests:
            return f"{backlog.waiting_requests} requests wait for the engine"
        if backlog.queued_input_ms >= limits.max_queued_input_ms:
            return f"{backlog.queued_input_ms} ms of audio wait to be processed"
        return ""

    def _is_full(self, places: int) -> str:
        """The reason of a refusal above the capacity: ``places`` for streams like those inside."""
        is_open = "is open" if self._live == 1 else "are open"
        if places > self._live:  # it is dearer than they are
            inside = f"{_streams(self._live)} {is_open}"
            return f"{inside}, and the engine does not keep up with another of this kind"
        return f"the engine keeps up with {_streams(places)}, and {self._live} {is_open}"

    def _room(self, goes_on: bool) -> float:
        """The measured capacity, where it counts."""
        return math.inf if self._capacity is None or goes_on else self._capacity()

    def _is_above(self, cost: float, capacity: float) -> bool:
        """Whether one of this ``cost`` more is more than ``capacity``; one that is alone never is."""
        return self._live > 0 and self._cost + cost > capacity

    def _places_like_those_inside(self, capacity: float) -> int:
        most = self._options.max_streams
        return most if not self._live else max(1, int(min(capacity * self._live / self._cost, most)))

    def _release(self, number: int, caller: str | None, cost: float, above: bool) -> None:
        self._live -= 1
        self._newest.pop(number, None)
        self._cost = self._cost - cost if self._live else 0.0
        if caller is not None:
            self._places.leave(caller, cost, above=above)


def _streams(count: int) -> str:
    return "1 stream" if count == 1 else f"{count} streams"
