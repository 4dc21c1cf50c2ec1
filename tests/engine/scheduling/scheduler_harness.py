"""Drives scheduler and fake runner step by step, and checks the invariants after each step."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

from tests.engine.expected_events import LANGUAGES, ExpectedEvents, RequestScript
from tests.fakes.fake_runner import FakeRunner, FakeTranslation
from tests.fakes.fake_tokenizer import PROMPT_TOKENS, FakeTokenizer
from translate_svc.engine.core import Runner
from translate_svc.engine.events import EngineEvent, RequestFinished, WaveformPiece
from translate_svc.engine.options import EngineLimits, StepBudgets, source_frames
from translate_svc.engine.plan import SequenceKey, StepPlan
from translate_svc.engine.request import Request, SourceText
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.scheduling.sequence import Phase
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.types import FRAME_SAMPLES, EncoderSource, Samples, Stage

SMALL = EngineLimits(
    max_slots=3,
    max_slot_tokens=6,
    min_source_samples=1,
    budgets=StepBudgets(encode_frames=4, text_to_unit_tokens=8, vocode_units=12),
    first_piece_units=3,
    max_piece_units=8,
    initial_credit_pieces=1,
)
"""So tight that a handful of requests fills every queue and reaches every budget."""

SLOT_PHASES = frozenset({Stage.ENCODE, Stage.DECODE, Stage.TEXT_TO_UNIT})


class SchedulerHarness:
    """One scheduler, one runner, and all their events. The runner must do what the scripts say."""

    def __init__(
        self,
        limits: EngineLimits = SMALL,
        tokenizer: FakeTokenizer | None = None,
        runner: Runner | None = None,
    ) -> None:
        """``runner``: by default a fake one, which reads the scripts."""
        self.limits = limits
        self.tokenizer = tokenizer or FakeTokenizer()
        self.scheduler = Scheduler(limits, self.tokenizer)
        self.runner = FakeRunner(self._translation_of)
        self._executing = runner or self.runner
        self.scripts: dict[str, RequestScript] = {}
        self.callers: dict[str, str] = {}
        self.events: defaultdict[str, list[EngineEvent]] = defaultdict(list)
        self.aborted: set[str] = set()
        self.granted: Counter[SequenceKey] = Counter()
        self.intact = True  # False once a check has failed; later checks mean nothing then
        self._scripts_by_number: list[RequestScript] = []
        self._waiting: list[str] = []  # in order of arrival
        self._encoding: set[str] = set()  # requests in ENCODE before this step
        self._overtaken: dict[SequenceKey, Counter[SequenceKey]] = {}

    def _translation_of(self, source: EncoderSource, sequence: int) -> FakeTranslation:
        number = source[1] if isinstance(source, tuple) else source[0]
        return self._scripts_by_number[int(number)].sequences[sequence][1]

    # ---------------------------------------------------------------- calls from outside

    def submit(self, script: RequestScript, request_id: str | None = None, caller: str = "") -> str:
        request_id = request_id or f"request-{len(self._scripts_by_number)}"
        source = self.source_of(script)
        self._scripts_by_number.append(script)
        specs = tuple(SequenceSpec(LANGUAGES[i], speech) for i, (speech, _) in enumerate(script.sequences))
        self.scheduler.add(Request(request_id, source, specs, source_times=True, caller=caller))
        self.scripts[request_id], self.callers[request_id] = script, caller
        self._forget(request_id)
        self._waiting.append(request_id)
        return request_id

    def source_of(self, script: RequestScript) -> Samples | SourceText:
        """The source of the next request. It begins with the request's number, by which the fake model knows
        it.
        """
        number = len(self._scripts_by_number)
        if script.is_text:
            return SourceText(" ".join([str(number)] * script.frames), "eng")
        return np.full(script.frames * FRAME_SAMPLES, number, np.float32)

    def _forget(self, request_id: str) -> None:
        """Forgets the id, which is used again."""
        self.aborted.discard(request_id)
        self.events.pop(request_id, None)
        for record in (self.granted, self._overtaken):
            for key in [key for key in record if key.request_id == request_id]:
                del record[key]

    def abort(self, request_id: str) -> None:
        self.scheduler.abort(request_id)
        if request_id in self.live():
            self.aborted.add(request_id)
        if request_id in self._waiting:
            self._waiting.remove(request_id)
        assert self.scheduler.phases(request_id) == ()
        self.check()

    def grant(self, request_id: str, sequence: int, pieces: int) -> None:
        self.scheduler.grant(request_id, sequence, pieces)
        if request_id in self.live():
            self.granted[SequenceKey(request_id, sequence)] += pieces

    def finished(self, request_id: str) -> bool:
        return any(isinstance(event, RequestFinished) for event in self.events[request_id])

    def live(self) -> list[str]:
        return [each for each in self.scripts if each not in self.aborted and not self.finished(each)]

    # ---------------------------------------------------------------- steps

    def step(self, abort_in_flight: str | None = None, resubmit: bool = False) -> bool:
        """Runs one step; returns False without work.

        ``abort_in_flight``: a request to abort between the runner's result and the scheduler's update.
        ``resubmit``: submit a new request with the same id right after that abort.
        """
        decoding, self._encoding = self._keys_in(Stage.DECODE), self._requests_in(Stage.ENCODE)
        had_work = self.scheduler.has_work
        plan = self.scheduler.schedule()
        assert bool(plan) == had_work, "has_work must tell whether there is a plan"
        if not plan:
            return False
        self.intact = False
        self._check_texts(plan, decoding)
        self._check_budgets(plan)
        self._check_admission(plan)
        self._check_turns(plan)
        result = self._executing.execute(plan)
        if abort_in_flight is not None:
            self.abort(abort_in_flight)
            if resubmit:
                self.submit(self.scripts[abort_in_flight], abort_in_flight)
        for event in self.scheduler.update(plan, result):
            assert event.request_id not in self.aborted, "an aborted request gets no further event"
            assert not self.finished(event.request_id), "RequestFinished is the last event"
            self.events[event.request_id].append(event)
        self.check()
        self.intact = True
        return True

    def run(self, max_steps: int) -> None:
        """Steps until there is no more work."""
        for _ in range(max_steps):
            if not self.step():
                return
        assert not self.scheduler.has_work, "work is left after ``max_steps``"

    def work_left(self) -> int:
        """The most steps that all live requests need: each step does at least one of their items."""
        total = 0
        for request_id in self.live():
            total += 1
            for _, translation in self.scripts[request_id].sequences:
                total += translation.encode_steps
                total += min(len(translation.token_ids) + PROMPT_TOKENS, self.limits.max_slot_tokens) + 1
                total += -(-translation.units // self.limits.first_piece_units)
        return total

    # ---------------------------------------------------------------- invariants

    def _keys_in(self, *phases: Phase | Stage) -> set[SequenceKey]:
        return {
            SequenceKey(request_id, index)
            for request_id in self.live()
            for index, phase in enumerate(self.scheduler.phases(request_id))
            if phase in phases
        }

    def _requests_in(self, phase: Phase | Stage) -> set[str]:
        return {key.request_id for key in self._keys_in(phase)}

    def check(self) -> None:
        owners = list(self.scheduler.slot_owners.values())
        assert len(owners) == len(set(owners)), "a sequence owns two slots"
        assert set(owners) == self._keys_in(*SLOT_PHASES), "exactly the sequences in slot phases own slots"
        assert len(owners) <= self.limits.max_slots
        assert self.scheduler.live_requests == len(self.live())
        for key, pieces in self._pieces().items():
            assert pieces <= self.limits.initial_credit_pieces + self.granted[key], "a piece without credit"

    def _pieces(self) -> Counter[SequenceKey]:
        return Counter(
            SequenceKey(event.request_id, event.sequence)
            for events in self.events.values()
            for event in events
            if isinstance(event, WaveformPiece)
        )

    def _check_budgets(self, plan: StepPlan) -> None:
        budgets = self.limits.budgets
        for costs, budget in (
            ([source_frames(item.source) for item in plan.encode], budgets.encode_frames),
            ([len(item.token_ids) for item in plan.text_to_unit], budgets.text_to_unit_tokens),
            ([item.end_unit - item.start_unit for item in plan.vocode], budgets.vocode_units),
        ):
            assert len(costs) <= 1 or sum(costs) <= budget, "a stage exceeds its budget"

    def _check_texts(self, plan: StepPlan, decoding: set[SequenceKey]) -> None:
        """Every sequence in DECODE advances in each step; all those of a caller may give way to others."""
        left_out = decoding - {item.key for item in plan.decode}
        waiting = {self.callers[key.request_id] for key in left_out}
        assert {item.key for item in plan.decode} == {
            key for key in decoding if self.callers[key.request_id] not in waiting
        }
        assert not left_out or len(set(self.callers.values())) > 1, "a text does not advance"

    def _check_admission(self, plan: StepPlan) -> None:
        """First come, first served for each caller; of a single one, no request waits without a reason."""
        if self._encoding and plan.encode:
            assert {item.request_id for item in plan.encode} == self._encoding, (
                "an encoding does not continue"
            )
            return
        admitted = [item.request_id for item in plan.encode]
        for caller in {self.callers[each] for each in admitted}:
            of_caller = [each for each in admitted if self.callers[each] == caller]
            waiting = [each for each in self._waiting if self.callers[each] == caller]
            assert of_caller == waiting[: len(of_caller)], "a request overtook another of its caller"
        self._waiting = [each for each in self._waiting if each not in admitted]
        if self._waiting and len(set(self.callers.values())) == 1:
            first = self.scripts[self._waiting[0]]
            free = self.limits.max_slots - len(self.scheduler.slot_owners)
            frames = first.encode_cost_frames + sum(source_frames(item.source) for item in plan.encode)
            too_large = bool(admitted) and frames > self.limits.budgets.encode_frames
            assert too_large or len(first.sequences) > free, "the first request waits although there is room"

    def _check_turns(self, plan: StepPlan) -> None:
        """No speech gets two pieces while another speech of its caller, with credit, gets none."""
        served = {item.key for item in plan.vocode}
        ready = {
            key
            for key in self._keys_in(Stage.VOCODE) - served
            if self._pieces()[key] < self.limits.initial_credit_pieces + self.granted[key]
        }
        self._overtaken = {key: self._overtaken.get(key, Counter()) for key in ready}
        for key, overtaken in self._overtaken.items():
            caller = self.callers[key.request_id]
            overtaken.update(each for each in served if self.callers[each.request_id] == caller)
            assert not overtaken or max(overtaken.values()) <= 1, (
                "a speech gets a second turn before another speech gets one"
            )
        alone = len(set(self.callers.values())) == 1
        assert served or not ready or not alone, "speeches wait although the vocoder is idle"

    def check_result(self, request_id: str) -> None:
        """A finished request has the events that its script asks for."""
        expected = ExpectedEvents(
            self.scripts[request_id], self.limits, self.tokenizer, times=self._executing is self.runner
        )
        expected.check(self.events[request_id])
