"""What the scheduler holds the runner to."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import pytest

from tests.engine.scenes import ONE, ROOMY, TWO, finish, run_to, says, together
from tests.engine.world import World
from translate_svc.engine.core import EngineCore
from translate_svc.engine.plan import ItemFailure, SequenceKey, StepReport, StepResult
from translate_svc.engine.request import (
    RequestFinished,
    TokenDecoded,
)
from translate_svc.errors import InvariantViolation
from translate_svc.types import Stage


def test_timings_add_up_the_steps_shared_and_keep_the_largest_batch() -> None:
    world = World(ROOMY)
    first = world.submit(together(says(ONE), says(ONE, TWO)))
    world.step()
    second = world.submit(says(ONE))
    world.run(50)
    timings = {}
    for request_id in (first, second):
        last = world.events[request_id][-1]
        assert isinstance(last, RequestFinished)
        timings[request_id] = {each.stage: (each.duration_ms, each.batch_size) for each in last.timings}
    assert timings[first] == {"encode": (1.0, 1), "decode": (4.0, 3)}  # one millisecond a stage and step
    assert timings[second] == {"encode": (1.0, 1), "decode": (3.0, 3)}


def _drop(result: StepResult) -> StepResult:
    return dataclasses.replace(result, results=())


def _twice(result: StepResult) -> StepResult:
    return dataclasses.replace(result, results=result.results * 2)


def _both(result: StepResult) -> StepResult:
    key = result.decoded[0].key
    return dataclasses.replace(result, failures=(ItemFailure(*key, Stage.DECODE, "poisoned"),))


def _foreign(result: StepResult) -> StepResult:
    stranger = dataclasses.replace(result.decoded[0], key=SequenceKey("stranger", 0))
    return dataclasses.replace(result, results=(*result.results, stranger))


def _foreign_failure(result: StepResult) -> StepResult:
    return dataclasses.replace(result, failures=(ItemFailure("stranger", None, Stage.ENCODE, "poisoned"),))


@pytest.mark.parametrize("break_contract", [_drop, _twice, _both, _foreign, _foreign_failure])
def test_a_runner_that_breaks_the_contract_is_found_out(
    break_contract: Callable[[StepResult], StepResult],
) -> None:
    world = World()
    world.submit(says(ONE))
    world.step()
    plan = world.scheduler.schedule()
    with pytest.raises(InvariantViolation, match="runner"):
        world.scheduler.update(plan, break_contract(world.runner.execute(plan)))


def test_a_piece_of_the_wrong_length_is_found_out() -> None:
    world = World()
    run_to(world, world.submit(says(ONE, units=9, speech=True)), Stage.VOCODE)
    plan = world.scheduler.schedule()
    result = world.runner.execute(plan)
    short = dataclasses.replace(result.vocoded[0], samples=result.vocoded[0].samples[:-1])
    with pytest.raises(InvariantViolation, match="wrong length"):
        world.scheduler.update(plan, dataclasses.replace(result, results=(short,)))


def test_schedule_and_update_alternate() -> None:
    world = World()
    world.submit(says(ONE))
    plan = world.scheduler.schedule()
    with pytest.raises(InvariantViolation, match="before the last"):
        world.scheduler.schedule()
    result = world.runner.execute(plan)
    world.scheduler.update(plan, result)
    with pytest.raises(InvariantViolation, match="not the last"):
        world.scheduler.update(plan, result)


def test_an_encoding_keeps_its_ticket_and_its_namesake_gets_another() -> None:
    world = World()
    request_id = world.submit(says(ONE, encode_steps=3))
    tickets = []
    for _ in range(2):
        world.step()
        (item,) = world.runner.plans[-1].encode
        tickets.append(item.ticket)
    assert tickets[0] == tickets[1], "it goes on"
    world.abort(request_id)
    world.submit(says(TWO), request_id)
    world.step()
    (item,) = world.runner.plans[-1].encode
    assert item.request_id == request_id
    assert item.ticket not in tickets


def test_the_core_times_a_step_by_its_clock() -> None:
    seconds = itertools.count(5.0, 2.5)
    reports: list[StepReport] = []
    world = World()
    core = EngineCore(world.scheduler, world.runner, on_step=reports.append, clock=lambda: next(seconds))
    world.submit(says(ONE))
    core.step()
    assert [report.duration_s for report in reports] == [2.5]
    assert [stage.stage for stage in reports[0].stages] == [Stage.ENCODE]


def test_tokens_carry_their_delta_and_probability() -> None:
    world = World()
    request_id = world.submit(says(ONE, TWO))
    finish(world, request_id)
    tokens = [event for event in world.events[request_id] if isinstance(event, TokenDecoded)]
    assert [(event.text, event.log_probability, event.source_ms) for event in tokens] == [
        ("one", -0.5, 160),
        (" two", -0.5, 320),
    ]
