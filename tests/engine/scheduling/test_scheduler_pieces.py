"""How a speech is split into pieces, and how pieces wait for credit and take turns."""

from __future__ import annotations

import dataclasses

import pytest

from tests.engine.scheduling.scheduler_fixtures import ONE, ROOMY, finish, pieces_of, run_to, says
from tests.engine.scheduling.scheduler_harness import SMALL, SchedulerHarness
from translate_svc.engine.events import FinishStatus
from translate_svc.engine.options import EngineLimits
from translate_svc.types import Stage


@pytest.mark.parametrize(
    ("units", "pieces"),
    [
        (1, [1]),
        (24, [24]),
        (49, [49]),
        (50, [25, 25]),
        (299, [25, 50, 100, 124]),
        (300, [25, 50, 100, 100, 25]),
        (301, [25, 50, 100, 100, 26]),
    ],
)
def test_pieces_start_short_double_and_leave_no_tiny_rest(units: int, pieces: list[int]) -> None:
    harness = SchedulerHarness(EngineLimits(initial_credit_pieces=99))
    request_id = harness.submit(says(ONE, units=units, speech=True))
    finish(harness, request_id)
    assert pieces_of(harness, request_id) == pieces


def test_pieces_wait_for_credit_and_delay_no_other_speech() -> None:
    harness = SchedulerHarness(dataclasses.replace(ROOMY, initial_credit_pieces=0))
    stalled = harness.submit(says(ONE, units=30, speech=True))
    harness.run(50)
    assert pieces_of(harness, stalled) == []
    other = harness.submit(says(ONE, units=30, speech=True))
    harness.grant(other, 0, 99)
    assert finish(harness, other).status is FinishStatus.OK
    harness.grant(stalled, 0, 2)
    harness.run(50)
    assert pieces_of(harness, stalled) == [3, 6]
    harness.grant(stalled, 0, 99)
    assert finish(harness, stalled).status is FinishStatus.OK


def test_credit_granted_early_is_kept() -> None:
    harness = SchedulerHarness(dataclasses.replace(ROOMY, initial_credit_pieces=0))
    request_id = harness.submit(says(ONE, units=30, speech=True))
    harness.grant(request_id, 0, 99)
    assert finish(harness, request_id).status is FinishStatus.OK


def test_a_grant_during_the_step_does_not_queue_a_speech_twice() -> None:
    harness = SchedulerHarness()
    request_id = harness.submit(says(ONE, units=30, speech=True))
    run_to(harness, request_id, Stage.VOCODE)
    plan = harness.scheduler.schedule()
    assert plan.vocode
    harness.scheduler.grant(request_id, 0, 1)
    events = harness.scheduler.update(plan, harness.runner.execute(plan))
    assert len(events) == 1
    assert len(harness.scheduler.schedule().vocode) == 1


def test_speeches_take_turns() -> None:
    budgets = dataclasses.replace(SMALL.budgets, vocode_units=1)
    harness = SchedulerHarness(dataclasses.replace(SMALL, budgets=budgets, initial_credit_pieces=99))
    ids = [harness.submit(says(ONE, units=30, speech=True)) for _ in range(3)]
    harness.run(100)
    turns = [item.key.request_id for plan in harness.runner.plans for item in plan.vocode]
    assert turns == ids * 5  # 3, 6, 8, 8 and 5 units each
