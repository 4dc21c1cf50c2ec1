"""The queues of the phases, and the slots: which sequence is in which phase, and which is next in a budget.

Scheduling rules:

* Requests are admitted in the order of ``FairQueue``: fair between callers, for each caller first come, first
  served, or the longest of a window first. Hypotheses that are not final come after all others. The first
  waiting request waits until slots for all its sequences are free, and no other request overtakes it. So no
  request starves. A request takes all its slots together, so no request holds some slots while it waits for
  more.
* While there are other callers, one caller holds at most half of the slots, and its requests take at most a
  quarter of an encode budget, in both cases at least one request. Only requests of other callers overtake one
  that waits for this.
* Every sequence in DECODE advances by one token in every step, except where its caller gives way.
* TEXT_TO_UNIT and VOCODE take one item of each caller in turn. Among those of one caller, TEXT_TO_UNIT is in
  order and VOCODE is round-robin: one piece of a speech, then the speech goes to the back. Each stage takes
  from the front what fits its budget, and at least one item.
* Callers over their share give way: ``CallerShares`` says what they may have in a step. Requests and
  speeches of other callers overtake theirs.
* The requests in ENCODE are finished before others enter it. Transcripts that are translated are encoded at
  once: texts wait for them.
* A speech without credit is in no queue. A grant puts it at the back.

The file is a little long: these rules, and one short method for each move.
"""

from __future__ import annotations

import itertools
import operator
from collections import Counter
from collections.abc import Callable, Sequence

from translate_svc.engine.options import EngineLimits, source_frames
from translate_svc.engine.plan import ItemKey, SequenceKey
from translate_svc.engine.scheduling.caller_shares import CallerShares, in_turns
from translate_svc.engine.scheduling.fair_queue import FairQueue
from translate_svc.engine.scheduling.further_encodings import FurtherEncodings
from translate_svc.engine.scheduling.guides.retry import Retry
from translate_svc.engine.scheduling.request_state import RequestState
from translate_svc.engine.scheduling.sequence import Phase, SequenceState
from translate_svc.engine.scheduling.slots import SlotPool
from translate_svc.types import Stage

_CALLER = operator.attrgetter("caller")


class PhaseQueues:
    """Moves sequences between phases. A sequence is in at most one queue."""

    def __init__(self, limits: EngineLimits) -> None:
        self._limits = limits
        self.shares = CallerShares()
        self.slots = SlotPool(limits.max_slots)
        # Dictionaries keep insertion order, and an abort can remove an entry from the middle.
        self._waiting = FairQueue(limits.admission_window)
        self._held_slots: Counter[str] = Counter()  # by caller
        self._encoding: dict[ItemKey, RequestState | Retry] = {}
        self.further = FurtherEncodings(self.shares, limits.budgets.encode_frames)
        self._beams: dict[SequenceKey, SequenceState] = {}  # sequences with several slots
        self._stage_queues: dict[Stage, dict[SequenceKey, SequenceState]] = {
            stage: {} for stage in Stage if stage is not Stage.ENCODE
        }

    def __bool__(self) -> bool:
        """Whether there is work for the next step.

        Waiting requests count: sequences in DECODE or TEXT_TO_UNIT hold the slots that they wait for.
        """
        return any((self._waiting, self._encoding, self.further, *self._stage_queues.values()))

    @property
    def waiting_requests(self) -> int:
        """Number of requests that wait for slots."""
        return len(self._waiting)

    def waiting_by_caller(self) -> Counter[str]:
        """Number of requests that wait for slots, by caller."""
        return Counter(state.request.caller for state in self._waiting)

    # ---------------------------------------------------------------- into a queue

    def add_waiting(self, state: RequestState) -> None:
        """Appends a request to the waiting queue."""
        self._waiting.add(state)

    def resume_encoding(self, state: RequestState | Retry) -> None:
        """Keeps a request in ENCODE, or a retry, because its encoding needs another step."""
        self._encoding[state.key] = state

    def pass_on_slot(self, giver: SequenceState, heir: SequenceState) -> None:
        """Gives the last slot of one sequence to another one of the same request."""
        self.slots.pass_on(giver.slots[-1], giver.key, heir.key)
        giver.slots, heir.slots = giver.slots[:-1], (*heir.slots, giver.slots[-1])
        self._beams.pop(giver.key, None)
        self._beams[heir.key] = heir

    def start_decoding(self, sequence: SequenceState) -> None:
        """Moves a sequence from ENCODE to DECODE, or back into its steps."""
        self._enter(Stage.DECODE, sequence)

    def hold_decoding(self, sequence: SequenceState) -> None:
        """Takes a sequence out of the steps of DECODE, until ``start_decoding``. It keeps its slots."""
        del self._stage_queues[Stage.DECODE][sequence.key]

    def start_text_to_unit(self, sequence: SequenceState) -> None:
        """Moves a sequence from DECODE to TEXT_TO_UNIT, which needs one slot alone."""
        del self._stage_queues[Stage.DECODE][sequence.key]
        self._release_slots(sequence, sequence.slots[1:])
        sequence.slots = sequence.slots[:1]
        self._enter(Stage.TEXT_TO_UNIT, sequence)

    def start_vocoding(self, sequence: SequenceState) -> None:
        """Moves a sequence to VOCODE and releases its slot: from TEXT_TO_UNIT, or from DECODE when a
        hypothesis has nothing new to say.
        """
        self._stage_queues[Stage.DECODE].pop(sequence.key, None)
        self._release(sequence)
        sequence.phase = Stage.VOCODE
        self.enqueue_vocoding(sequence)

    def enqueue_vocoding(self, sequence: SequenceState) -> None:
        """Appends a sequence to the VOCODE queue if it has credit for a piece. Idempotent."""
        if sequence.speech.credit_pieces > 0:
            self._enter(Stage.VOCODE, sequence)

    def retire(self, sequence: SequenceState, phase: Phase) -> None:
        """Moves a sequence from any phase to a terminal one and releases its slot."""
        self._waiting.remove(sequence.key.request_id)
        for key in (sequence.key, (sequence.key.request_id, None)):
            self._encoding.pop(key, None)
        self.further.drop(sequence)
        for queue in self._stage_queues.values():
            queue.pop(sequence.key, None)
        self._release(sequence)
        sequence.phase = phase

    def _enter(self, stage: Stage, sequence: SequenceState) -> None:
        sequence.phase = stage
        self._stage_queues[stage][sequence.key] = sequence

    def _release(self, sequence: SequenceState) -> None:
        self._release_slots(sequence, sequence.slots)
        sequence.slots = ()

    def _release_slots(self, sequence: SequenceState, slots: Sequence[int]) -> None:
        if self._beams:
            self._beams.pop(sequence.key, None)
        for slot in slots:
            self.slots.release(slot, sequence.key)
        self._held_slots[sequence.caller] -= len(slots)
        if not self._held_slots[sequence.caller]:
            del self._held_slots[sequence.caller]

    # ---------------------------------------------------------------- out of a queue, for one step

    def begin_step(self, *, conserve_work: bool = False) -> None:
        """Finds the callers that have to give way in this step.

        A caller need not while a request of another one waits for slots: the slots must become free.
        With ``conserve_work`` the others count as idle: none of their work could be taken.
        """
        over = self._over_share()
        encoding = {state.caller for state in self._encoding.values()}
        yields = bool(over) and not conserve_work and self._has_work_of_others(over, encoding)
        self.shares.begin_step(over, yields=yields, encodes=not over.isdisjoint(encoding))

    def _over_share(self) -> frozenset[str]:
        if self._limits.admission_window > 1:
            return frozenset()  # files, for which nobody waits
        over = self.shares.over_share(self._waiting.has_others)
        waiting = (state for state in self._waiting.unordered() if state.request.caller not in over)
        short = over and any(state.needed_slots > self.slots.free for state in waiting)
        return frozenset() if short else over

    def _has_work_of_others(self, over: frozenset[str], encoding: set[str]) -> bool:
        sequences = itertools.chain.from_iterable(queue.values() for queue in self._stage_queues.values())
        return (
            any(sequence.caller not in over for sequence in sequences)
            or any(state.request.caller not in over for state in self._waiting.unordered())
            or any(caller not in over for caller in self.further.callers)
            or not encoding <= over
        )

    def take_encoding(self) -> list[RequestState | Retry]:
        """The requests and retries whose encoding continues."""
        taken = list(self._encoding.values())
        self._encoding.clear()
        for state in taken:
            self.shares.take(Stage.ENCODE, state.caller, source_frames(state.source))
        return taken

    def admit(self, spent_frames: int = 0) -> list[RequestState]:
        """Moves requests from WAITING to ENCODE as far as the free slots and the encode budget allow.

        ``spent_frames``: of the budget.
        """
        if not self.slots.free:
            return []
        budget = self._limits.budgets.encode_frames - spent_frames
        admitted: list[RequestState] = []
        taken_frames: Counter[str] = Counter()
        capped: set[str] = set()
        for state in self._waiting:
            caller, frames = state.request.caller, source_frames(state.source)
            if (
                caller in capped
                or self._has_its_share(state, taken_frames[caller])
                or self._speaks_too_much(caller)
                or not self.shares.allows(Stage.ENCODE, caller, frames)
            ):
                capped.add(caller)
                continue
            taken_frames[caller] += frames
            budget -= frames
            if admitted and budget < 0:
                break
            if not self._acquire_slots(state):
                break
            self.shares.take(Stage.ENCODE, caller, frames)
            admitted.append(state)
        for state in admitted:
            self._waiting.admit(state)
        return admitted

    def _acquire_slots(self, state: RequestState) -> bool:
        """Gives the request all its slots, or none."""
        owners = [each.key for each in state.sequences for _ in range(each.spec.slots)]
        slots = self.slots.acquire(owners)
        if slots is None:
            return False
        left = iter(slots)
        for sequence in state.sequences:
            sequence.slots = tuple(itertools.islice(left, sequence.spec.slots))
            sequence.phase = Stage.ENCODE
            if len(sequence.slots) > 1:
                self._beams[sequence.key] = sequence
        self._held_slots[state.request.caller] += len(slots)
        return True

    def _has_its_share(self, state: RequestState, taken_frames: int) -> bool:
        """Whether ``state`` would give its caller more than its share of the slots or of this encoding.

        ``taken_frames``: source frames of this encoding that the caller has already.
        """
        limits, held = self._limits, self._held_slots[state.request.caller]
        slots_left = limits.max_slots // 2 - held
        frames_left = limits.budgets.encode_frames // 4 - taken_frames
        too_many = held and state.needed_slots > slots_left
        too_long = taken_frames and source_frames(state.source) > frames_left
        return bool(too_many or too_long) and self._waiting.has_others(state.request.caller)

    def _speaks_too_much(self, caller: str) -> bool:
        """Whether a caller that gives way has as many speeches to vocode as it may hold slots.

        Its stages take turns, and a speech has several pieces. Without this most requests would be there.
        """
        if not self.shares.is_over(caller):
            return False
        speeches = sum(each.caller == caller for each in self._stage_queues[Stage.VOCODE].values())
        return speeches >= max(1, self._limits.max_slots // 2)

    def backlog(self) -> int:
        """Number of requests that wait although slots are free. At most the number of free slots."""
        return min(len(self._waiting), self.slots.free)

    def decoding(self) -> list[SequenceState]:
        """The sequences that advance in DECODE. They stay in the queue."""
        sequences = list(self._stage_queues[Stage.DECODE].values())
        texts = Counter(map(_CALLER, sequences))
        for beams in self._beams.values():
            if beams.phase is Stage.DECODE:
                texts[beams.caller] += len(beams.slots) - 1
        allowed = {caller for caller in texts if self.shares.allows(Stage.DECODE, caller, texts[caller])}
        for caller in allowed:
            self.shares.take(Stage.DECODE, caller, texts[caller])
        if len(allowed) == len(texts):
            return sequences
        return [sequence for sequence in sequences if sequence.caller in allowed]

    def take_text_to_unit(self) -> list[SequenceState]:
        """The next sequences for TEXT_TO_UNIT, within the budget."""
        budget = self._limits.budgets.text_to_unit_tokens
        return self._take(Stage.TEXT_TO_UNIT, lambda sequence: len(sequence.text.token_ids), budget)

    def take_vocode(self) -> list[SequenceState]:
        """The next sequences for VOCODE, within the budget. Each pays one credit."""
        limits = self._limits
        budget = limits.budgets.vocode_units
        taken = self._take(Stage.VOCODE, lambda sequence: sequence.speech.next_piece_units(limits), budget)
        for sequence in taken:
            sequence.speech.credit_pieces -= 1
        return taken

    def _take(self, stage: Stage, cost: Callable[[SequenceState], int], budget: int) -> list[SequenceState]:
        """As many sequences as fit the budget, but at least one, of those that are allowed."""
        taken: list[SequenceState] = []
        for sequence in in_turns(self._stage_queues[stage].values()):
            parts = cost(sequence)
            if not self.shares.allows(stage, sequence.caller, parts):
                continue
            budget -= parts
            if taken and budget < 0:
                break
            self.shares.take(stage, sequence.caller, parts)
            taken.append(sequence)
        for sequence in taken:
            del self._stage_queues[stage][sequence.key]
        return taken
