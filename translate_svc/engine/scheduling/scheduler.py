"""Decides what each step computes and turns results into events. No tensors, no clock, no threads.

This file is longer than most: for each stage one method plans the work and another one takes the result.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping
from typing import assert_never

import numpy as np
import numpy.typing as npt

from translate_svc.engine.batch_costs import BatchCosts
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import (
    DecodeItem,
    DecodeResult,
    EncodeResult,
    EncodeUnfinished,
    ItemFailure,
    SequenceKey,
    StageResult,
    StepPlan,
    StepResult,
    TextToUnitItem,
    TextToUnitResult,
    VocodeItem,
    VocodeResult,
)
from translate_svc.engine.request import (
    EngineEvent,
    FinishStatus,
    Request,
    SequenceFinished,
    TextScored,
    UnitsPredicted,
    WaveformPiece,
)
from translate_svc.engine.scheduling.in_flight import InFlight, Work
from translate_svc.engine.scheduling.phase_queues import PhaseQueues
from translate_svc.engine.scheduling.sequence import Phase, RequestState, SequenceState, combined_status
from translate_svc.engine.scheduling.sequence_output import NO_UNITS, SequenceOutput, WholeOutput
from translate_svc.engine.simultaneous.hypothesis import NO_HYPOTHESES, HypothesisTraits
from translate_svc.engine.simultaneous.hypothesis_output import HypothesisOutput
from translate_svc.engine.stats import Totals
from translate_svc.engine.text.detokenize import Tokenizer
from translate_svc.errors import EngineError, InvalidArgument, InvariantViolation
from translate_svc.types import SAMPLES_PER_UNIT, Stage


class Scheduler:
    """Plans the steps of the engine.

    Call ``schedule``, then ``update`` with the result of that plan. After an empty plan call ``schedule``
    again. Between ``schedule`` and ``update`` only ``add``, ``abort`` and ``grant`` are allowed. Use one
    thread at a time. The module ``phase_queues`` states the scheduling rules.
    """

    def __init__(
        self, limits: EngineLimits, tokenizer: Tokenizer, traits: HypothesisTraits = NO_HYPOTHESES
    ) -> None:
        """``traits``: properties of the model that hypotheses depend on."""
        self.limits = limits
        self.tokenizer = tokenizer
        self.traits = traits
        self._whole_output = WholeOutput()
        self._hypothesis_output = HypothesisOutput(tokenizer, traits)
        self._queues = PhaseQueues(limits)
        self._requests: dict[str, RequestState] = {}
        self._job_ids = itertools.count()
        self._in_flight: InFlight | None = None
        self._events: list[EngineEvent] = []
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
            InvalidArgument: its id is in use, or it has no sequence or more than there are slots.
            KeyError: the tokenizer does not know a language.
        """
        if request.request_id in self._requests:
            raise InvalidArgument("is in use", field="request_id")
        if not 0 < len(request.sequences) <= self.limits.max_slots:
            raise InvalidArgument(f"must be 1 to {self.limits.max_slots}", field="sequences")
        state = RequestState.create(request, self.tokenizer, self.limits, next(self._job_ids))
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
        granted.credit_pieces += pieces
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
                return [(state.encode_item(), state) for state in self._take_encode()]
            case Stage.DECODE:
                return [(sequence.decode_item(), sequence) for sequence in queues.decoding()]
            case Stage.TEXT_TO_UNIT:
                return [(sequence.text_to_unit_item(), sequence) for sequence in queues.take_text_to_unit()]
            case Stage.VOCODE:
                return [(sequence.vocode_item(self.limits), sequence) for sequence in queues.take_vocode()]

    def _take_encode(self) -> list[RequestState]:
        """The requests whose encoding continues. If there are none, newly admitted requests."""
        unfinished = self._queues.take_encoding()
        if unfinished:
            return unfinished
        admitted = self._queues.admit()
        self.admitted_requests += len(admitted)
        return admitted

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
        for each in result.results:
            self._apply_result(in_flight, each)
        for failure in result.failures:
            self._apply_failure(in_flight, failure)
        in_flight.check_settled()
        self.totals.steps += 1
        events, self._events = self._events, []
        return events

    def _add_timings(self, in_flight: InFlight, result: StepResult) -> None:
        for report in result.stages:
            states = [self._requests[request_id] for request_id in in_flight.live_requests(report.stage)]
            for state in states:
                state.add_timing(report)
            work_ms = self._batch_costs.work_ms(report.stage, report.batch_size, report.duration_ms)
            spoken = sum(isinstance(state.source, np.ndarray) for state in states)
            self.totals.work_s += work_ms / 1000 * spoken / max(1, len(states))
            self.totals.slot_s += report.duration_ms / 1000 * len(self.slot_owners)

    def _apply_result(self, in_flight: InFlight, result: StageResult) -> None:
        """Settles one item. The result of an aborted sequence is dropped."""
        match result:
            case EncodeResult() | EncodeUnfinished():
                self._apply_encoded(in_flight.settle_request(result.request_id), result)
            case DecodeResult():
                item, sequence = in_flight.settle(result.key, DecodeItem)
                if not sequence.terminal:
                    sequence.fed_tokens += len(item.token_ids) + len(result.accepted)
                    self._apply_decoded(sequence, item, result)
            case TextToUnitResult():
                _, sequence = in_flight.settle(result.key, TextToUnitItem)
                if not sequence.terminal:
                    self._apply_units(sequence, result)
            case VocodeResult():
                piece, sequence = in_flight.settle(result.key, VocodeItem)
                if not sequence.terminal:
                    self._apply_piece(sequence, piece, result)
            case _:
                assert_never(result)

    def _apply_encoded(self, state: RequestState, encoded: EncodeResult | EncodeUnfinished) -> None:
        live = [sequence for sequence in state.sequences if not sequence.terminal]
        if isinstance(encoded, EncodeResult):
            state.log_mel = encoded.log_mel
            for sequence in live:
                self._queues.start_decoding(sequence)
        elif live:
            self._queues.resume_encoding(state)

    def _apply_decoded(self, sequence: SequenceState, item: DecodeItem, decoded: DecodeResult) -> None:
        if item.scores_given_text:
            self._events.append(TextScored(*sequence.key, decoded.accepted))
            self._finish(sequence, FinishStatus.OK)
            return
        if decoded.attention is not None:
            sequence.attention_rows.append(decoded.attention)
        sequence.speculative_token_ids = ()
        for token_id, log_probability in zip(item.speculative_token_ids, decoded.accepted, strict=False):
            self._apply_token(sequence, DecodeResult(decoded.key, token_id, log_probability))
            if sequence.phase is not Stage.DECODE:
                return
        self._apply_token(sequence, decoded)

    def _apply_token(self, sequence: SequenceState, decoded: DecodeResult) -> None:
        stop = sequence.check_stop(decoded.token_id, self.tokenizer.eos_token_id, self.limits.max_slot_tokens)
        if stop is not None:
            # The predicted token is dropped: T2U speaks only fed tokens, and text and speech must be equal.
            sequence.stop_reason = stop
            self._finish_text(sequence)
            return
        try:
            self._output_of(sequence).push_token(sequence, decoded, self._events)
        except EngineError as error:
            self._finish(sequence, FinishStatus.FAILED, error.description)

    def _output_of(self, sequence: SequenceState) -> SequenceOutput:
        return self._whole_output if sequence.hypothesis is None else self._hypothesis_output

    def _finish_text(self, sequence: SequenceState) -> None:
        state = self._requests[sequence.key.request_id]
        try:
            is_spoken = self._output_of(sequence).finish_text(sequence, state, self._events)
        except EngineError as error:
            self._finish(sequence, FinishStatus.FAILED, error.description)
            return
        if is_spoken:
            self._queues.start_text_to_unit(sequence)
        else:
            self._start_speech(sequence, NO_UNITS, ())

    def _apply_units(self, sequence: SequenceState, made: TextToUnitResult) -> None:
        units = tuple(made.units.tolist())
        self._events.append(UnitsPredicted(*sequence.key, units, made.character_durations))
        self._start_speech(sequence, made.units, made.token_durations)

    def _start_speech(
        self, sequence: SequenceState, units: npt.NDArray[np.int64], token_durations: tuple[int, ...]
    ) -> None:
        """Queues the units that can be voiced now, if there are any."""
        state = self._requests[sequence.key.request_id]
        self._output_of(sequence).add_units(sequence, state, units, token_durations)
        if sequence.piece_end_unit > sequence.piece_start_unit:
            self._queues.start_vocoding(sequence)
        else:
            self._finish_speech(sequence)

    def _finish_speech(self, sequence: SequenceState) -> None:
        state = self._requests[sequence.key.request_id]
        self._finish(sequence, self._output_of(sequence).finish_speech(sequence, state, self._events))

    def _apply_piece(self, sequence: SequenceState, item: VocodeItem, vocoded: VocodeResult) -> None:
        if len(vocoded.samples) != (item.end_unit - item.start_unit) * SAMPLES_PER_UNIT:
            raise InvariantViolation("the runner made a waveform piece of the wrong length")
        last = item.end_unit == sequence.piece_end_unit
        start_samples = (sequence.first_unit + item.start_unit) * SAMPLES_PER_UNIT
        final = last and self._requests[sequence.key.request_id].is_final
        self._events.append(WaveformPiece(*sequence.key, start_samples, vocoded.samples, final))
        sequence.piece_start_unit = item.end_unit
        sequence.pieces_made += 1
        if last:
            self._finish_speech(sequence)
        else:
            self._queues.enqueue_vocoding(sequence)

    def _apply_failure(self, in_flight: InFlight, failure: ItemFailure) -> None:
        for sequence in in_flight.settle_failed(failure.key):
            if not sequence.terminal:
                self._finish(sequence, FinishStatus.FAILED, f"{failure.stage.value}: {failure.error}")

    def _finish(self, sequence: SequenceState, status: FinishStatus, error: str = "") -> None:
        self._queues.retire(sequence, Phase.FAILED if status is FinishStatus.FAILED else Phase.FINISHED)
        self._events.append(SequenceFinished(*sequence.key, status, error))
        state = self._requests[sequence.key.request_id]
        state.statuses.append(status)
        state.error = state.error or error
        if len(state.statuses) == len(state.sequences):
            del self._requests[state.request.request_id]
            self._queues.shares.leave(state.request.caller)
            combined = combined_status(state.statuses)
            self.totals.count(state, combined)
            self._events.append(state.finished(combined))
