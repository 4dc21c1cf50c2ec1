"""Callers with more than their share of the engine give way to the others."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from translate_svc.engine.step_result import EncodeResult, StepResult
from translate_svc.types import Stage

if TYPE_CHECKING:
    from translate_svc.engine.scheduling.guides.retry import Retry
    from translate_svc.engine.scheduling.sequence import SequenceState

_Asked = TypeVar("_Asked", "SequenceState", "Retry")
_MANY_REQUESTS = 4
_TIMES_THE_OTHERS = 2
_STEP_MS = 25.0
_EARNED_SHARE = 0.25
_NEWEST_WEIGHT = 0.2


class CallerShares:
    """Decides whose items are in a step.

    A caller is over its share with at least four requests in the engine, waiting ones included, if they are
    more than twice as many as the other callers have at the mean. A caller who is alone is over its share
    only if there were others lately. The items of all others are always allowed. What a caller over its
    share gets:

    * While others have work: as much time as it has earned, which is a quarter of the time that the work of
      the others took. So they are hardly slower than without it, and it never starves. Its texts continue.
    * While they have none: items of 25 ms a step, by what such items took so far, and at least one. The
      stages take turns; DECODE advances all its texts. So a request of another caller that comes now does
      not wait long for the step in progress. A device that does all of it in 25 ms leaves nothing out.
    * Where an item has to wait, no later one of this step is allowed instead of it. So large items get their
      turn, too.

    Time is what the reports of the steps say. The estimates are per *part*: a frame, a token or a unit.
    """

    def __init__(self) -> None:
        self._requests: Counter[str] = Counter()  # by caller
        self._turns = list(reversed(Stage))  # the next one first
        self._part_ms = dict.fromkeys(self._turns, 0.0)
        self._encode_ms = 0.0  # of the encoding in progress, so far
        self._over: frozenset[str] = frozenset()
        self._yields = False
        self._decodes = False
        self._earned_ms = 0.0
        self._left_ms = math.inf
        self._takes_first = False
        self._asked_ms = 0.0  # the most expensive item that was asked for in this step
        self._closed = False  # an item has to wait
        self._parts: Counter[Stage] = Counter()  # of the step, of all callers
        self._own_parts: Counter[Stage] = Counter()  # of those over their share

    def enter(self, caller: str) -> None:
        """A request has come."""
        self._requests[caller] += 1

    def leave(self, caller: str) -> None:
        """A request has ended."""
        self._requests[caller] -= 1
        if not self._requests[caller]:
            del self._requests[caller]

    def over_share(self, has_others: Callable[[str], bool]) -> frozenset[str]:
        """The callers that are over their share. ``has_others``: whether a caller was not alone lately."""
        counts = self._requests
        if max(counts.values(), default=0) < _MANY_REQUESTS:
            return frozenset()
        total, others = counts.total(), len(counts) - 1
        return frozenset(
            caller
            for caller, own in counts.items()
            if own >= _MANY_REQUESTS
            and (own * others > _TIMES_THE_OTHERS * (total - own) if others else has_others(caller))
        )

    def begin_step(self, over: frozenset[str], *, yields: bool, encodes: bool) -> None:
        """Begins a step, to which all later calls belong.

        ``over``: the callers that have to give way. ``yields``: others have work. ``encodes``: an encoding of
        a caller in ``over`` continues in this step; then of theirs only texts continue beside it.
        """
        self._over, self._yields = over, yields
        self._decodes = yields or encodes
        self._parts.clear()
        self._own_parts.clear()
        self._asked_ms, self._closed = 0.0, False
        if not yields:
            self._earned_ms = 0.0
        self._left_ms = self._earned_ms if yields else 0.0 if encodes else _STEP_MS
        self._takes_first = not yields and not encodes

    def is_over(self, caller: str) -> bool:
        """Whether ``caller`` has to give way in this step."""
        return caller in self._over

    @property
    def order(self) -> Sequence[Stage]:
        """The order in which the stages of this step get their items."""
        return tuple(self._turns) if self._over else tuple(Stage)

    @property
    def encode_ms(self) -> float:
        """How long an encoding may take in this step because no texts of other callers wait for it."""
        return _STEP_MS if self._over and not self._yields else 0.0

    def allows(self, stage: Stage, caller: str, parts: int) -> bool:
        """Whether an item of ``caller`` may be in this step. ``parts`` of DECODE: all its texts there."""
        if caller not in self._over or (stage is Stage.DECODE and self._decodes):
            return True
        cost_ms = self._part_ms[stage] * parts
        self._asked_ms = max(self._asked_ms, cost_ms)
        self._closed = self._closed or not (self._takes_first or cost_ms <= self._left_ms)
        return not self._closed

    def take(self, stage: Stage, caller: str, parts: int) -> None:
        """An item of ``caller`` is in this step."""
        self._parts[stage] += parts
        if caller in self._over:
            self._own_parts[stage] += parts
            if stage is Stage.DECODE and self._decodes:
                return
            self._left_ms -= self._part_ms[stage] * parts
            self._takes_first = False

    def end_step(self, result: StepResult) -> None:
        """Takes in how long the stages of the step took."""
        spent_ms = 0.0
        if not self._parts[Stage.ENCODE]:
            self._encode_ms = 0.0  # also if the last encoding was aborted
        for report in result.stages:
            if parts := self._parts[report.stage]:
                if report.stage is not Stage.DECODE:
                    spent_ms += report.duration_ms * self._own_parts[report.stage] / parts
                self._estimate(report.stage, parts, report.duration_ms, result)
        for stage in [stage for stage in self._turns if self._own_parts[stage]]:
            self._turns.remove(stage)
            self._turns.append(stage)
        if self._yields:
            others_ms = sum(report.duration_ms for report in result.stages) - spent_ms
            earned_ms = self._earned_ms - spent_ms + _EARNED_SHARE * others_ms
            self._earned_ms = min(earned_ms, self._asked_ms)  # nobody saves up for later

    def _estimate(self, stage: Stage, parts: int, duration_ms: float, result: StepResult) -> None:
        if stage is Stage.ENCODE:
            duration_ms = self._encode_ms = self._encode_ms + duration_ms
            if not any(isinstance(each, EncodeResult) for each in result.results):
                return
            self._encode_ms = 0.0
        part_ms, last_ms = duration_ms / parts, self._part_ms[stage]
        self._part_ms[stage] = last_ms + _NEWEST_WEIGHT * (part_ms - last_ms) if last_ms else part_ms


def in_turns(queue: Iterable[_Asked]) -> Iterator[_Asked]:
    """What each caller asked first, then what each asked second, and so on."""
    callers: dict[str, list[_Asked]] = {}
    for each in queue:
        callers.setdefault(each.caller, []).append(each)
    for turn in itertools.zip_longest(*callers.values()):
        yield from (each for each in turn if each is not None)
