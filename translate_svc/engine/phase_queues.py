"""The lines of the phases, and the slots: who stands where, and who is next within a budget.

Rules of order:

* Requests are admitted first come, first served. The first in line waits until slots for all its sequences
  are free and nobody passes it, so none starves; a request takes all its slots at once, so none waits holding
  some.
* Every sequence in DECODE advances one token a step, whatever else the step carries.
* ENCODE and TEXT_TO_UNIT work through their lines in order, VOCODE in turns: one piece of a speech, then to
  the back. Each takes from the front what fits its budget, and always at least one. What is in ENCODE is
  finished before others get there.
* A speech without credit is in no line; a grant puts it at the back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from translate_svc.engine.options import EngineLimits, source_frames
from translate_svc.engine.plan import SequenceKey
from translate_svc.engine.sequence import Phase, RequestState, SequenceState
from translate_svc.engine.slots import SlotPool
from translate_svc.types import Stage

_T = TypeVar("_T")


class PhaseQueues:
    """Moves sequences between phases; a sequence stands in at most one line."""

    def __init__(self, limits: EngineLimits) -> None:
        self._limits = limits
        self.slots = SlotPool(limits.max_slots)
        # Insertion-ordered dictionaries: queues from whose middle an abort can take something out.
        self._waiting: dict[str, RequestState] = {}
        self._encoding: dict[str, RequestState] = {}
        self._lines: dict[Stage, dict[SequenceKey, SequenceState]] = {
            stage: {} for stage in Stage if stage is not Stage.ENCODE
        }

    def __bool__(self) -> bool:
        """There is work to take. (A request that waits for slots waits for sequences that decode or are in
        the line of TEXT_TO_UNIT.)
        """
        return any((self._waiting, self._encoding, *self._lines.values()))

    @property
    def waiting_requests(self) -> int:
        """Length of the line for slots."""
        return len(self._waiting)

    # ---------------------------------------------------------------- into a phase

    def wait(self, state: RequestState) -> None:
        """To the end of the line for slots."""
        self._waiting[state.request.request_id] = state

    def go_on_encoding(self, state: RequestState) -> None:
        """Its encoding needs another step."""
        self._encoding[state.request.request_id] = state

    def start_decoding(self, sequence: SequenceState) -> None:
        """From ENCODE to DECODE."""
        self._enter(Stage.DECODE, sequence)

    def start_text_to_unit(self, sequence: SequenceState) -> None:
        """From DECODE to TEXT_TO_UNIT."""
        del self._lines[Stage.DECODE][sequence.key]
        self._enter(Stage.TEXT_TO_UNIT, sequence)

    def start_vocoding(self, sequence: SequenceState) -> None:
        """From TEXT_TO_UNIT to VOCODE; the slot is free again."""
        self._release(sequence)
        sequence.phase = Stage.VOCODE
        self.await_turn(sequence)

    def await_turn(self, sequence: SequenceState) -> None:
        """To the back of the vocoder's line, if there is credit for a piece. Idempotent."""
        if sequence.credit_pieces > 0:
            self._enter(Stage.VOCODE, sequence)

    def retire(self, sequence: SequenceState, phase: Phase) -> None:
        """From any phase to a terminal one; the slot is free again."""
        for line in (self._waiting, self._encoding):
            line.pop(sequence.key.request_id, None)
        for queue in self._lines.values():
            queue.pop(sequence.key, None)
        self._release(sequence)
        sequence.phase = phase

    def _enter(self, stage: Stage, sequence: SequenceState) -> None:
        sequence.phase = stage
        self._lines[stage][sequence.key] = sequence

    def _release(self, sequence: SequenceState) -> None:
        if sequence.slot is not None:
            self.slots.release(sequence.slot, sequence.key)
            sequence.slot = None

    # ---------------------------------------------------------------- out of a line, for one step

    def take_encoding(self) -> list[RequestState]:
        """The encodings that go on."""
        taken = list(self._encoding.values())
        self._encoding.clear()
        return taken

    def admit(self) -> list[RequestState]:
        """Moves requests from WAITING to ENCODE, as far as slots and the budget of source frames reach."""
        limits = self._limits
        affordable = _within(
            self._waiting.values(),
            lambda state: source_frames(state.source),
            limits.encode_budget_frames,
        )
        admitted: list[RequestState] = []
        for state in affordable:
            slots = self.slots.acquire([sequence.key for sequence in state.sequences])
            if slots is None:
                break
            for sequence, slot in zip(state.sequences, slots, strict=True):
                sequence.slot, sequence.phase = slot, Stage.ENCODE
            del self._waiting[state.request.request_id]
            admitted.append(state)
        return admitted

    def backlog(self) -> int:
        """Requests that wait although there are slots for as many texts."""
        return min(len(self._waiting), self.slots.free)

    def decoding(self) -> list[SequenceState]:
        """All sequences in DECODE; they stay in line."""
        return list(self._lines[Stage.DECODE].values())

    def take_text_to_unit(self) -> list[SequenceState]:
        """The next texts for TEXT_TO_UNIT."""
        budget = self._limits.text_to_unit_budget_tokens
        return self._take(Stage.TEXT_TO_UNIT, lambda sequence: len(sequence.token_ids), budget)

    def take_vocode(self) -> list[SequenceState]:
        """The speeches whose next piece is due; each pays one credit."""
        limits = self._limits
        budget = limits.vocode_budget_units
        taken = self._take(Stage.VOCODE, lambda sequence: sequence.next_piece_units(limits), budget)
        for sequence in taken:
            sequence.credit_pieces -= 1
        return taken

    def _take(self, stage: Stage, cost: Callable[[SequenceState], int], budget: int) -> list[SequenceState]:
        taken = _within(self._lines[stage].values(), cost, budget)
        for sequence in taken:
            del self._lines[stage][sequence.key]
        return taken


def _within(candidates: Iterable[_T], cost: Callable[[_T], int], budget: int) -> list[_T]:
    """What fits the budget from the front on, without passing over any; the first one fits always."""
    taken: list[_T] = []
    for candidate in candidates:
        budget -= cost(candidate)
        if taken and budget < 0:
            break
        taken.append(candidate)
    return taken
