"""The items of a plan without a result. A result is matched by its key to the state it was planned for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from translate_svc.engine.plan import (
    BeamItem,
    DecodeItem,
    ItemKey,
    PlanItem,
    SequenceKey,
    StepPlan,
    TextToUnitItem,
    VocodeItem,
)
from translate_svc.engine.scheduling.guides.cascade import Cascade
from translate_svc.engine.scheduling.guides.retry import Retry
from translate_svc.engine.scheduling.request_state import RequestState
from translate_svc.engine.scheduling.sequence import SequenceState
from translate_svc.errors import InvariantViolation
from translate_svc.types import Stage

Encoded = RequestState | Cascade | Retry
"""What is encoded: a request, its transcript, or its speech once more."""

Work = tuple[PlanItem, Encoded | SequenceState]
"""An item and the state it was planned for: in ENCODE what is encoded, else a sequence."""

_NOTHING = (None, None)
_Item = TypeVar("_Item", DecodeItem, BeamItem, TextToUnitItem, VocodeItem)


class InFlight:
    """One plan while the runner executes it.

    It holds the states themselves and does not look them up again when the result comes. So the result of an
    aborted request finds the aborted state, even when another request has its id or its slot by then.
    """

    def __init__(self, plan: StepPlan, work: Iterable[Work]) -> None:
        self.plan = plan
        self._open: dict[ItemKey, Work] = {each[0].key: each for each in work}

    def settle_request(self, request_id: str) -> Encoded:
        """Removes the encoding that a request has in the plan, and returns what it was planned for.

        Raises:
            InvariantViolation: it was not planned, or has its result already.
        """
        _, state = self._open.pop((request_id, None), _NOTHING)
        if not isinstance(state, Encoded):
            raise InvariantViolation("the runner answered an encoding that the plan does not hold")
        return state

    def settle(self, key: SequenceKey, kind: type[_Item]) -> tuple[_Item, SequenceState]:
        """Removes and returns an item of this kind and the state it was planned for.

        Raises:
            InvariantViolation: it was not planned, or has its result already.
        """
        item, state = self._open.pop(key, _NOTHING)
        if not isinstance(item, kind) or isinstance(state, Encoded) or state is None:
            raise InvariantViolation("the runner answered an item that the plan does not hold")
        return item, state

    def settle_failed(self, key: ItemKey) -> Cascade | Retry | tuple[SequenceState, ...]:
        """Removes the item of ``key``, of any kind, and returns the sequences that fail with it, or the
        encoding with which none does.

        Raises:
            InvariantViolation: it was not planned, or has its result already.
        """
        if key not in self._open:
            raise InvariantViolation("the runner failed an item that the plan does not hold")
        _, state = self._open.pop(key)
        if isinstance(state, Cascade | Retry):
            return state
        return state.sequences if isinstance(state, RequestState) else (state,)

    def check_settled(self) -> None:
        """Checks that every item has its result.

        Raises:
            InvariantViolation: an item of the plan got no result.
        """
        if self._open:
            raise InvariantViolation(f"the runner left {len(self._open)} item(s) of a plan unanswered")

    def live_requests(self, stage: Stage) -> set[str]:
        """Requests with an item in ``stage`` that are not aborted. Call it before settling any item."""
        work = self._open.values()
        return {item.key[0] for item, state in work if item.stage is stage and not state.terminal}
