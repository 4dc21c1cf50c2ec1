"""Fair between callers: the order of those who wait, and the slots that one may hold."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from tests.engine.scheduling.scheduler_fixtures import ONE, TWO, says
from tests.engine.scheduling.scheduler_harness import SMALL, SchedulerHarness
from tests.fakes.fake_tokenizer import FakeTokenizer
from translate_svc.engine.options import EngineLimits, StepBudgets
from translate_svc.engine.request import Request
from translate_svc.engine.scheduling.fair_queue import FairQueue
from translate_svc.engine.scheduling.request_state import RequestState
from translate_svc.engine.scheduling.request_states import RequestStates
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.hypothesis import NO_HYPOTHESES
from translate_svc.types import FRAME_SAMPLES, Stage

LIMITS = EngineLimits(max_slots=8, budgets=StepBudgets(encode_frames=8), min_source_samples=1)


def request_state(name: str, frames: int = 1, targets: int = 1) -> RequestState:
    """A request whose caller is the first letter of its name."""
    source = np.zeros(frames * FRAME_SAMPLES, np.float32)
    request = Request(name, source, (SequenceSpec("eng"),) * targets, caller=name[0])
    return RequestStates(FakeTokenizer(), LIMITS, NO_HYPOTHESES).create(request, 0)


def order_of(*added: RequestState) -> list[str]:
    """The order in which requests that arrive together are admitted, one by one."""
    queue, order = FairQueue(), []
    for state in added:
        queue.add(state)
    while queue:
        state = next(iter(queue))
        order.append(state.request.request_id)
        queue.admit(state)
    return order


@pytest.mark.parametrize(
    ("arriving", "order"),
    [
        ("a1 a2 a3 a4", "a1 a2 a3 a4"),
        ("a1 a2 a3 b1", "a1 b1 a2 a3"),
        ("a1 a2 a3 b1 b2 c1", "a1 b1 c1 a2 b2 a3"),
        ("a1 b1 a2 b2", "a1 b1 a2 b2"),
    ],
)
def test_callers_take_turns_and_keep_their_own_order(arriving: str, order: str) -> None:
    assert " ".join(order_of(*map(request_state, arriving.split()))) == order


def test_who_asks_for_more_at_once_comes_less_often() -> None:
    """A request of four frames and three targets costs sixteen, one of a frame and a target two."""
    big = [request_state(f"a{number}", frames=4, targets=3) for number in range(3)]
    small = [request_state(f"b{number}") for number in range(20)]
    order = order_of(*big, *small)
    assert order.index("a1") - order.index("a0") == pytest.approx(8, abs=1)
    assert [name for name in order if name[0] == "b"] == [f"b{number}" for number in range(20)]


def test_idle_time_earns_nothing() -> None:
    queue = FairQueue()
    for number in range(50):
        queue.add(state := request_state(f"a{number}"))
        queue.admit(state)
    for name in ("a50", "a51", "b0", "b1", "b2", "b3"):
        queue.add(request_state(name))
    order = []
    while queue:
        order.append((state := next(iter(queue))).request.request_id)
        queue.admit(state)
    assert order.index("a51") <= 4, "b was idle before, and still has half"


def test_nobody_waits_forever_for_callers_who_are_always_new() -> None:
    queue = FairQueue()
    for number in range(5):
        queue.add(request_state(f"a{number}"))
    admitted = []
    for number in range(200):
        for each in range(2 if len(queue) < 30 else 1):
            queue.add(request_state(chr(1_000 + 2 * number + each)))
        queue.admit(state := next(iter(queue)))
        admitted.append(state.request.request_id)
    assert {f"a{number}" for number in range(5)} <= set(admitted)


def test_what_is_remembered_of_callers_is_bounded() -> None:
    queue = FairQueue()
    for number in range(5_000):
        queue.add(state := request_state(chr(1_000 + number)))
        queue.admit(state)
    assert len(queue._ends) <= 1_024
    assert len(queue._recent_counts) <= 1_024


def test_one_caller_leaves_half_of_the_slots_while_there_are_others() -> None:
    harness = SchedulerHarness(LIMITS)
    text = says(*(ONE,) * 40)
    harness.submit(text, caller="b")
    harness.run(200)
    for _ in range(20):
        harness.submit(text, caller="a")
    for _ in range(10):
        harness.step()
    assert len(harness.scheduler.slot_owners) == 4
    light = harness.submit(text, caller="b")
    harness.step()
    assert harness.scheduler.phases(light) == (Stage.DECODE,)
    harness.run(400)


def test_a_caller_who_is_alone_gets_all_slots() -> None:
    harness = SchedulerHarness(LIMITS)
    for _ in range(20):
        harness.submit(says(*(ONE,) * 40), caller="a")
    for _ in range(10):
        harness.step()
    assert len(harness.scheduler.slot_owners) == 8


def test_pieces_and_texts_to_speak_are_taken_in_turns() -> None:
    """A speech of the caller who waits with one comes after one of the other's, not after all five."""
    harness = SchedulerHarness(SMALL)
    speech = partial(says, ONE, TWO, units=24, speech=True)
    harness.submit(speech(), caller="b")
    harness.run(100)
    for _ in range(5):
        harness.submit(speech(), caller="a")
    light = harness.submit(speech(), caller="b")
    turns: list[str] = []
    while harness.step():
        for request_id in list(harness.scripts):
            harness.grant(request_id, 0, 1)
        turns += [item.key.request_id for item in harness.runner.plans[-1].vocode]
    before = turns[: len(turns) - 1 - turns[::-1].index(light)]
    assert len(set(before) - {light}) <= 4
