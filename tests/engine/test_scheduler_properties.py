"""Random arrivals of speech and text, failures, aborts and credits: what must hold after every step, and in
the end.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
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

from tests.engine.expectation import Script
from tests.engine.world import World
from tests.fakes.fake_runner import FakeTranslation
from tests.fakes.fake_tokenizer import FakeTokenizer
from translate_svc.engine.options import EngineLimits
from translate_svc.types import Stage

pytestmark = pytest.mark.timeout(
    600
)  # seconds of work, and room for a machine that is busy with other things

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
    encode_budget_frames=st.integers(1, 8),
    text_to_unit_budget_tokens=st.integers(1, 12),
    vocode_budget_units=st.integers(1, 20),
    first_piece_units=st.integers(1, 4),
    max_piece_units=st.integers(4, 9),
    initial_credit_pieces=st.integers(0, 3),
)
scripts = st.builds(
    Script,
    frames=st.integers(1, 6),
    sequences=st.lists(st.tuples(st.booleans(), translations), min_size=1, max_size=3).map(tuple),
    is_text=st.booleans(),
)


class SchedulerMachine(RuleBasedStateMachine):
    """``World`` makes the checks of every step; here is what happens to it, and what must be left in the
    end.
    """

    requests: Bundle[str] = Bundle("requests")

    @initialize(limits=limits)
    def start(self, limits: EngineLimits) -> None:
        self.world = World(limits)

    @rule(target=requests, arrivals=st.lists(scripts, min_size=1, max_size=4))
    def submit(self, arrivals: list[Script]) -> MultipleResults[str]:
        return multiple(*(self.world.submit(script) for script in arrivals))

    @rule(steps=st.integers(1, 12))
    def steps(self, steps: int) -> None:
        for _ in range(steps):
            self.world.step()

    @rule(request_id=requests)
    def abort(self, request_id: str) -> None:
        self.world.abort(request_id)

    @rule(request_id=requests, resubmit=st.booleans())
    def abort_in_flight(self, request_id: str, resubmit: bool) -> None:
        self.world.step(request_id, resubmit)

    @rule(request_id=requests, sequence=st.integers(0, 2), pieces=st.integers(1, 5))
    def grant(self, request_id: str, sequence: int, pieces: int) -> None:
        self.world.grant(request_id, sequence, pieces)

    @invariant()
    def sound(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    def teardown(self) -> None:
        """Given credit, all that is left ends within the time its work takes one item a step, and rightly."""
        if not hasattr(self, "world") or not self.world.intact:
            return
        world = self.world
        for request_id in world.live():
            for sequence in range(3):
                world.grant(request_id, sequence, 1_000)
        world.run(max_steps=world.work_left())
        assert world.live() == []
        assert world.scheduler.slot_owners == {}
        assert (world.scheduler.live_requests, world.scheduler.waiting_requests) == (0, 0)
        for request_id in world.scripts.keys() - world.aborted:
            world.check_result(request_id)


TestScheduler = SchedulerMachine.TestCase
TestScheduler.settings = settings(
    max_examples=80, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
