"""How a speech is cut, and how its pieces wait for credit and take turns."""

from __future__ import annotations

import dataclasses

import pytest

from tests.engine.scenes import ONE, ROOMY, finish, pieces_of, run_to, says
from tests.engine.world import SMALL, World
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.request import (
    FinishStatus,
)
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
def test_pieces_start_short_double_and_leave_no_splinter(units: int, pieces: list[int]) -> None:
    world = World(EngineLimits(initial_credit_pieces=99))
    request_id = world.submit(says(ONE, units=units, speech=True))
    finish(world, request_id)
    assert pieces_of(world, request_id) == pieces


def test_pieces_wait_for_credit_and_hold_nobody_up() -> None:
    world = World(dataclasses.replace(ROOMY, initial_credit_pieces=0))
    stalled = world.submit(says(ONE, units=30, speech=True))
    world.run(50)
    assert pieces_of(world, stalled) == []
    other = world.submit(says(ONE, units=30, speech=True))
    world.grant(other, 0, 99)
    assert finish(world, other).status is FinishStatus.OK
    world.grant(stalled, 0, 2)
    world.run(50)
    assert pieces_of(world, stalled) == [3, 6]
    world.grant(stalled, 0, 99)
    assert finish(world, stalled).status is FinishStatus.OK


def test_credit_granted_early_is_kept() -> None:
    world = World(dataclasses.replace(ROOMY, initial_credit_pieces=0))
    request_id = world.submit(says(ONE, units=30, speech=True))
    world.grant(request_id, 0, 99)
    assert finish(world, request_id).status is FinishStatus.OK


def test_a_grant_during_the_step_does_not_put_a_speech_in_line_twice() -> None:
    world = World()
    request_id = world.submit(says(ONE, units=30, speech=True))
    run_to(world, request_id, Stage.VOCODE)
    plan = world.scheduler.schedule()
    assert plan.vocode
    world.scheduler.grant(request_id, 0, 1)
    events = world.scheduler.update(plan, world.runner.execute(plan))
    assert len(events) == 1
    assert len(world.scheduler.schedule().vocode) == 1


def test_speeches_take_turns() -> None:
    world = World(dataclasses.replace(SMALL, vocode_budget_units=1, initial_credit_pieces=99))
    ids = [world.submit(says(ONE, units=30, speech=True)) for _ in range(3)]
    world.run(100)
    turns = [item.key.request_id for plan in world.runner.plans for item in plan.vocode]
    assert turns == ids * 5  # 3, 6, 8, 8 and 5 units each
