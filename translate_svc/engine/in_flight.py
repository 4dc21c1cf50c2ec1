"""What a plan asked for and still lacks a result: results are matched here, by key and to the very state
planned.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from translate_svc.engine.plan import DecodeItem, SequenceKey, StepPlan, TextToUnitItem, VocodeItem
from translate_svc.engine.sequence import RequestState, SequenceState
from translate_svc.errors import EngineError

SequenceItem = DecodeItem | TextToUnitItem | VocodeItem
_Item = TypeVar("_Item", DecodeItem, TextToUnitItem, VocodeItem)


class InFlight:
    """One plan on its way through the runner.

    States are held themselves, not looked up again when the result comes: an aborted request's result finds
    the aborted state, even when its id or its slot was given to another request meanwhile.
    """

    def __init__(self, plan: StepPlan, requests: list[RequestState], sequences: list[SequenceState]) -> None:
        self.plan = plan
        self._requests = {state.request.request_id: state for state in requests}
        items: tuple[SequenceItem, ...] = (*plan.decode, *plan.text_to_unit, *plan.vocode)
        self._sequences = {state.key: (item, state) for item, state in zip(items, sequences, strict=True)}

    def settle_request(self, request_id: str) -> RequestState:
        """Takes out an encoding.

        Raises:
            EngineError: it was not planned, or has its result already.
        """
        state = self._requests.pop(request_id, None)
        if state is None:
            raise EngineError("the runner answered an encoding that the plan does not hold")
        return state

    def settle(self, key: SequenceKey, kind: type[_Item]) -> tuple[_Item, SequenceState]:
        """Takes out an item of this kind and the state it was planned for.

        Raises:
            EngineError: it was not planned, or has its result already.
        """
        item, state = self._sequences.get(key, (None, None))
        if not isinstance(item, kind) or state is None:
            raise EngineError("the runner answered an item that the plan does not hold")
        del self._sequences[key]
        return item, state

    def settle_failed(self, key: SequenceKey) -> SequenceState:
        """Takes out the item of ``key``, whatever its kind.

        Raises:
            EngineError: it was not planned, or has its result already.
        """
        if key not in self._sequences:
            raise EngineError("the runner failed an item that the plan does not hold")
        return self._sequences.pop(key)[1]

    def check_settled(self) -> None:
        """Raises EngineError when an item of the plan got no result."""
        missing = len(self._requests) + len(self._sequences)
        if missing:
            raise EngineError(f"the runner left {missing} item(s) of a plan unanswered")

    def live_by_stage(self) -> Iterator[tuple[str, set[str]]]:
        """For each stage, named as the plan's field, the requests that shared it and were not aborted
        since.
        """
        encode = {name for name, state in self._requests.items() if not state.sequences[0].terminal}
        yield "encode", encode
        live = {key for key, (_, state) in self._sequences.items() if not state.terminal}
        for stage, items in (
            ("decode", self.plan.decode),
            ("text_to_unit", self.plan.text_to_unit),
            ("vocode", self.plan.vocode),
        ):
            yield stage, {item.key.request_id for item in items if item.key in live}
