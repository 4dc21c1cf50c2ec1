"""Random arrivals of speech and text, failures, aborts and credits, with invariants after every step."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
)

from tests.engine.expected_events import RequestScript
from tests.engine.scheduling.scheduler_harness import SchedulerHarness
from tests.fakes.fake_runner import FakeTranslation
from tests.fakes.fake_tokenizer import FakeTokenizer
from translate_svc.engine.options import EngineLimits, StepBudgets
from translate_svc.types import Stage

# It computes for seconds; the rest is for a busy machine.
pytestmark = pytest.mark.timeout(600)

TEXT_IDS = FakeTokenizer().text_ids

translations = st.builds(
    FakeTranslation,
    token_ids=st.lists(st.sampled_from(TEXT_IDS), max_size=7).map(tuple),
    units=st.integers(0, 40),
    fails_at=st.sampled_from((None,) * 8 + tuple(Stage)),
    encode_steps=st.sampled_from((1, 1, 2, 4)),
)
limits = st.builds(
    EngineLimits,
    max_slots=st.integers(3, 5),
    max_slot_tokens=st.integers(3, 8),
    budgets=st.builds(
        StepBudgets,
        encode_frames=st.integers(1, 8),
        text_to_unit_tokens=st.integers(1, 12),
        vocode_units=st.integers(1, 20),
    ),
    first_piece_units=st.integers(1, 4),
    max_piece_units=st.integers(4, 9),
    initial_credit_pieces=st.integers(0, 3),
)
scripts = st.builds(
    RequestScript,
    frames=st.integers(1, 6),
    sequences=st.lists(st.tuples(st.booleans(), translations), min_size=1, max_size=3).map(tuple),
    is_text=st.booleans(),
)


class SchedulerMachine(RuleBasedStateMachine):
    """The rules drive a ``SchedulerHarness``, which checks every step; ``teardown`` checks the end state."""

    requests: Bundle[str] = Bundle("requests")

    @initialize(limits=limits)
    def start(self, limits: EngineLimits) -> None:
        self.harness = SchedulerHarness(limits)

    @initialize(callers=st.sampled_from(("a", "a", "aaab", "aaaabc")))
    def name(self, callers: str) -> None:
        """``callers``: those of the requests, in turn. One may have many more requests than the others."""
        self.callers = itertools.cycle(callers)

    @rule(target=requests, arrivals=st.lists(scripts, min_size=1, max_size=4))
    def submit(self, arrivals: list[RequestScript]) -> MultipleResults[str]:
        return multiple(*(self.harness.submit(script, caller=next(self.callers)) for script in arrivals))

    @rule(steps=st.integers(1, 12))
    def steps(self, steps: int) -> None:
        for _ in range(steps):
            self.harness.step()

    @rule(request_id=requests)
    def abort(self, request_id: str) -> None:
        self.harness.abort(request_id)

    @rule(request_id=requests, resubmit=st.booleans())
    def abort_in_flight(self, request_id: str, resubmit: bool) -> None:
        self.harness.step(request_id, resubmit)

    @rule(request_id=requests, sequence=st.integers(0, 2), pieces=st.integers(1, 5))
    def grant(self, request_id: str, sequence: int, pieces: int) -> None:
        self.harness.grant(request_id, sequence, pieces)

    @invariant()
    def sound(self) -> None:
        if hasattr(self, "harness"):
            self.harness.check()

    def teardown(self) -> None:
        """With credit, all remaining requests end correctly, within as many steps as they have items left."""
        if not hasattr(self, "harness") or not self.harness.intact:
            return
        harness = self.harness
        for request_id in harness.live():
            for sequence in range(3):
                harness.grant(request_id, sequence, 1_000)
        harness.run(max_steps=harness.work_left())
        assert harness.live() == []
        assert harness.scheduler.slot_owners == {}
        assert (harness.scheduler.live_requests, harness.scheduler.waiting_requests) == (0, 0)
        for request_id in harness.scripts.keys() - harness.aborted:
            harness.check_result(request_id)


TestScheduler = SchedulerMachine.TestCase
TestScheduler.settings = settings(
    max_examples=50,
    stateful_step_count=30,
)
