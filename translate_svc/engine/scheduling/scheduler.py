"""Decides what each step computes and turns results into events. No tensors, no clock, no threads."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from translate_svc.engine.batch_costs import BatchCosts
from translate_svc.engine.events import EngineEvent, FinishStatus, SequenceFinished
from translate_svc.engine.options import EngineLimits, source_frames
from translate_svc.engine.plan import BeamItem, DecodeItem, SequenceKey, StepPlan
from translate_svc.engine.request import Request
from translate_svc.engine.scheduling.in_flight import Encoded, InFlight, Work
from translate_svc.engine.scheduling.phase_queues import PhaseQueues
from translate_svc.engine.scheduling.request_state import RequestState, combined_status
from translate_svc.engine.scheduling.request_states import RequestStates
from translate_svc.engine.scheduling.sequence import Phase, SequenceState
from translate_svc.engine.scheduling.stage_results import StageResults
from translate_svc.engine.simultaneous.hypothesis import NO_HYPOTHESES, HypothesisTraits
from translate_svc.engine.stats import Totals
from translate_svc.engine.step_result import StepResult
from translate_svc.errors import InvalidArgument, InvariantViolation
from translate_svc.models.tokenizer import Tokenizer
from translate_svc.types import Stage


class Scheduler:
    """Plans the steps of the engine.

    Call ``schedule``, then ``update`` with the result of that plan. After an empty plan call ``schedule``
    again. Between ``schedule`` and ``update`` only ``add``, ``abort`` and ``grant`` are allowed. Use one
    thread at a time. The module ``phase_queues`` states the scheduling rules.
    """

    def __init__(
        self,
        limits: EngineLimits,
        tokenizer: Tokenizer,
        traits: HypothesisTraits = NO_HYPOTHESES,
        detected_languages: Sequence[str] = (),
    ) -> None:
        """``traits``: properties of the model that hypotheses depend on.

        ``detected_languages``: those that the model can tell by their sound.
        """
        self.limits = limits
        self.tokenizer = tokenizer
        self.traits = traits
        self._states = RequestStates(tokenizer, limits, traits)
        self._queues = PhaseQueues(limits)
        self._requests: dict[str, RequestState] = {}
        self._job_ids = itertools.count()
        self._in_flight: InFlight | None = None
        self._results = StageResults(
            self._queues, limits, self._states, tokenizer, self._finish, detected_languages
        )
        self._batch_costs = BatchCosts()
        self.admitted_requests = 0
        self.totals = Totals()

    @property
    def has_work(self) -> bool:
        """``schedule`` would return a plan that is not empty."""
        return bool(self._queues)

    @property
    def waiting_requests(self) -> int:
        """Number of requests that wait for slots."""
        return self._queues.waiting_requests

    def waiting_by_caller(self) -> Counter[str]:
        """Number of requests that wait for slots, by caller."""
        return self._queues.waiting_by_caller()

    @property
    def live_requests(self) -> int:
        """Number of requests in any phase."""
        return len(self._requests)

    @property
    def slot_owners(self) -> Mapping[int, SequenceKey]:
        """The owner of each busy slot."""
        return self._queues.slots.owners

    def phases(self, request_id: str) -> tuple[Phase | Stage, ...]:
        """The phase of each sequence of a live request; empty for an unknown request."""
        state = self._requests.get(request_id)
        return tuple(sequence.phase for sequence in state.sequences) if state else ()

    # ---------------------------------------------------------------- requests come and go

    def add(self, request: Request) -> None:
        """Appends a request to the waiting queue.

        Raises:
            InvalidArgument: its id is in use, or it has no sequence or takes more slots than there are.
            KeyError: the tokenizer does not know a language.
        """
        if request.request_id in self._requests:
            raise InvalidArgument("is in use", field="request_id")
        if not 0 < sum(spec.slots for spec in request.sequences) <= self.limits.max_slots:
            message = f"must take 1 to {self.limits.max_slots} slots"
            raise InvalidArgument(message, field="sequences")
        state = self._states.create(request, next(self._job_ids))
        self._requests[request.request_id] = state
        self._queues.add_waiting(state)
        self._queues.shares.enter(request.caller)

    def abort(self, request_id: str) -> None:
        """Drops a request in any phase, and any result that still comes for it. Idempotent."""
        state = self._requests.pop(request_id, None)
        if state is None:
            return
        self._queues.shares.leave(state.request.caller)
        for sequence in state.sequences:
            if not sequence.terminal:
                self._queues.retire(sequence, Phase.ABORTED)

    def grant(self, request_id: str, sequence: int, pieces: int = 1) -> None:
        """Adds credit for ``pieces`` waveform pieces.

        Unknown requests and sequences are ignored, because they may just have ended.
        """
        state = self._requests.get(request_id)
        if state is None or pieces < 1 or not 0 <= sequence < len(state.sequences):
            return
        granted = state.sequences[sequence]
        granted.speech.credit_pieces += pieces
        if granted.phase is Stage.VOCODE:
            self._queues.enqueue_vocoding(granted)

    # ---------------------------------------------------------------- one step

    def schedule(self) -> StepPlan:
        """Plans the next step. The plan is empty when there is no work.

        Raises:
            InvariantViolation: the last plan's result is still missing.
        """
        if self._in_flight is not None:
            raise InvariantViolation("a plan is scheduled before the last plan has its result")
        self._queues.begin_step()
        work = self._take_step()
        if not work:
            self._queues.begin_step(conserve_work=True)
            work = self._take_step()
        encode_steps = min(1 + self._queues.backlog(), self.limits.max_encode_steps)
        encode_steps = max(encode_steps, self.limits.min_encode_steps)
        encode_ms = self._queues.shares.encode_ms
        plan = StepPlan.of([item for item, _ in work], encode_steps=encode_steps, encode_ms=encode_ms)
        if plan:
            self._in_flight = InFlight(plan, work)
        return plan

    def _take_step(self) -> list[Work]:
        return [each for stage in self._queues.shares.order for each in self._take_work(stage)]

    def _take_work(self, stage: Stage) -> list[Work]:
        queues = self._queues
        match stage:
            case Stage.ENCODE:
                return [(each.encode_item(), each) for each in self._take_encode()]
            case Stage.DECODE:
                return [(_decode_item(sequence), sequence) for sequence in queues.decoding()]
            case Stage.TEXT_TO_UNIT:
                return [(sequence.text_to_unit_item(), sequence) for sequence in queues.take_text_to_unit()]
            case Stage.VOCODE:
                return [(sequence.vocode_item(self.limits), sequence) for sequence in queues.take_vocode()]

    def _take_encode(self) -> list[Encoded]:
        """Transcripts, and the encodings that continue. Without such, retries and newly admitted requests."""
        queues, further = self._queues, self._queues.further
        cascades = further.take_cascades()
        unfinished = queues.take_encoding()
        if unfinished:
            return [*cascades, *unfinished]
        retries = further.take_retries()
        admitted = queues.admit(sum(source_frames(retry.source) for retry in retries))
        self.admitted_requests += len(admitted)
        return [*cascades, *retries, *admitted]

    def update(self, plan: StepPlan, result: StepResult) -> list[EngineEvent]:
        """Applies the runner's ``result`` of ``plan`` and returns the events of the step, in order.

        Raises:
            InvariantViolation: the runner broke the contract: an item has no result, two results, or the
                result of another item. The scheduler cannot be used after that.
        """
        in_flight, self._in_flight = self._in_flight, None
        if in_flight is None or in_flight.plan is not plan:
            raise InvariantViolation("a result is given for a plan that is not the last one")
        self._add_timings(in_flight, result)
        self._queues.shares.end_step(result)
        apply = self._results.apply
        for each in result.results:
            apply(in_flight, each)
        for failure in result.failures:
            self._results.fail(in_flight, failure)
        in_flight.check_settled()
        self.totals.steps += 1
        return self._results.take_events()

    def _add_timings(self, in_flight: InFlight, result: StepResult) -> None:
        for report in result.stages:
            states = [*map(self._requests.__getitem__, in_flight.live_requests(report.stage))]
            for state in states:
                state.reports.append(report)
            work_ms = self._batch_costs.work_ms(report.stage, report.batch_size, report.duration_ms)
            for state in states:
                if isinstance(state.source, np.ndarray):
                    state.work_s += work_ms / 1000 / len(states)
            self.totals.step_s += report.duration_ms / 1000
            self.totals.slot_s += report.duration_ms / 1000 * len(self.slot_owners)

    def _finish(self, sequence: SequenceState, status: FinishStatus, error: str) -> None:
        self._queues.retire(sequence, Phase.FAILED if status is FinishStatus.FAILED else Phase.FINISHED)
        self._results.events.append(SequenceFinished(*sequence.key, status, error))
        state = self._requests[sequence.key.request_id]
        state.statuses.append(status)
        state.error = state.error or error
        if len(state.statuses) == len(state.sequences):
            del self._requests[state.request.request_id]
            self._queues.shares.leave(state.request.caller)
            combined = combined_status(state.statuses)
            self.totals.count(state, combined)
            self._results.events.append(state.finished(combined))


def _decode_item(sequence: SequenceState) -> DecodeItem | BeamItem:
    if sequence.guide is None or sequence.text.detection is not None:
        return sequence.next_decode_item()
    return sequence.guide.item(sequence)
