"""The contract between scheduler and runner, and how the scheduler checks it."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable

import pytest

from tests.engine.scheduling.scheduler_fixtures import ONE, ROOMY, TWO, finish, run_to, says, together
from tests.engine.scheduling.scheduler_harness import SchedulerHarness
from tests.step_results import decode_results, vocode_results
from translate_svc.engine.core import EngineCore
from translate_svc.engine.events import RequestFinished, TokenDecoded
from translate_svc.engine.plan import SequenceKey
from translate_svc.engine.step_result import ItemFailure, StepReport, StepResult
from translate_svc.errors import InvariantViolation
from translate_svc.types import Stage


def test_timings_add_up_the_steps_shared_and_keep_the_largest_batch() -> None:
    harness = SchedulerHarness(ROOMY)
    first = harness.submit(together(says(ONE), says(ONE, TWO)))
    harness.step()
    second = harness.submit(says(ONE))
    harness.run(50)
    timings = {}
    for request_id in (first, second):
        last = harness.events[request_id][-1]
        assert isinstance(last, RequestFinished)
        timings[request_id] = {each.stage: (each.duration_ms, each.batch_size) for each in last.timings}
    assert timings[first] == {"encode": (1.0, 1), "decode": (3.0, 3)}  # one millisecond a stage and step
    assert timings[second] == {"encode": (1.0, 1), "decode": (2.0, 3)}


def _drop(result: StepResult) -> StepResult:
    return dataclasses.replace(result, results=())


def _twice(result: StepResult) -> StepResult:
    return dataclasses.replace(result, results=result.results * 2)


def _both(result: StepResult) -> StepResult:
    key = decode_results(result)[0].key
    return dataclasses.replace(result, failures=(ItemFailure(*key, Stage.DECODE, "poisoned"),))


def _foreign(result: StepResult) -> StepResult:
    unknown = dataclasses.replace(decode_results(result)[0], key=SequenceKey("unknown", 0))
    return dataclasses.replace(result, results=(*result.results, unknown))


def _foreign_failure(result: StepResult) -> StepResult:
    return dataclasses.replace(result, failures=(ItemFailure("unknown", None, Stage.ENCODE, "poisoned"),))


@pytest.mark.parametrize("break_contract", [_drop, _twice, _both, _foreign, _foreign_failure])
def test_a_runner_that_breaks_the_contract_is_detected(
    break_contract: Callable[[StepResult], StepResult],
) -> None:
    harness = SchedulerHarness()
    harness.submit(says(ONE))
    harness.step()
    plan = harness.scheduler.schedule()
    with pytest.raises(InvariantViolation, match="runner"):
        harness.scheduler.update(plan, break_contract(harness.runner.execute(plan)))


def test_a_piece_of_the_wrong_length_is_detected() -> None:
    harness = SchedulerHarness()
    run_to(harness, harness.submit(says(ONE, units=9, speech=True)), Stage.VOCODE)
    plan = harness.scheduler.schedule()
    result = harness.runner.execute(plan)
    short = dataclasses.replace(vocode_results(result)[0], samples=vocode_results(result)[0].samples[:-1])
    with pytest.raises(InvariantViolation, match="wrong length"):
        harness.scheduler.update(plan, dataclasses.replace(result, results=(short,)))


def test_schedule_and_update_alternate() -> None:
    harness = SchedulerHarness()
    harness.submit(says(ONE))
    plan = harness.scheduler.schedule()
    with pytest.raises(InvariantViolation, match="before the last"):
        harness.scheduler.schedule()
    result = harness.runner.execute(plan)
    harness.scheduler.update(plan, result)
    with pytest.raises(InvariantViolation, match="not the last"):
        harness.scheduler.update(plan, result)


def test_an_encoding_keeps_its_job_id_and_a_new_request_of_the_same_id_gets_another() -> None:
    harness = SchedulerHarness()
    request_id = harness.submit(says(ONE, encode_steps=3))
    job_ids = []
    for _ in range(2):
        harness.step()
        (item,) = harness.runner.plans[-1].encode
        job_ids.append(item.job_id)
    assert job_ids[0] == job_ids[1], "the encoding continues"
    harness.abort(request_id)
    harness.submit(says(TWO), request_id)
    harness.step()
    (item,) = harness.runner.plans[-1].encode
    assert item.request_id == request_id
    assert item.job_id not in job_ids


def test_the_core_times_a_step_by_its_clock() -> None:
    seconds = itertools.count(5.0, 2.5)
    reports: list[StepReport] = []
    harness = SchedulerHarness()
    core = EngineCore(harness.scheduler, harness.runner, on_step=reports.append, clock=lambda: next(seconds))
    harness.submit(says(ONE))
    core.step()
    assert [report.duration_s for report in reports] == [2.5]
    assert [stage.stage for stage in reports[0].stages] == [Stage.ENCODE]


def test_tokens_carry_their_delta_and_probability() -> None:
    harness = SchedulerHarness()
    request_id = harness.submit(says(ONE, TWO))
    finish(harness, request_id)
    tokens = [event for event in harness.events[request_id] if isinstance(event, TokenDecoded)]
    assert [(event.text, event.log_probability, event.source_ms) for event in tokens] == [
        ("one", -0.5, 160),
        (" two", -0.5, 320),
    ]
