"""Code that works stage by stage covers every ``Stage``."""

from __future__ import annotations

import dataclasses
from typing import get_args

import pytest

from tests.engine.runner_harness import STAGES, RunnerHarness
from tests.step_results import decode_results, encode_results, unit_results, vocode_results
from translate_svc.engine.plan import BeamItem, PlanItem, StepPlan
from translate_svc.engine.step_result import StepResult
from translate_svc.types import Stage


def test_a_plan_has_a_field_for_each_stage() -> None:
    fields = {field.name for field in dataclasses.fields(StepPlan)}
    assert fields - {"beams", "encode_steps", "encode_ms"} == {stage.value for stage in Stage}


def test_each_stage_has_one_kind_of_item() -> None:
    """And beams, which are advanced with the other texts."""
    assert [kind.stage for kind in get_args(PlanItem) if kind is not BeamItem] == list(Stage)
    assert BeamItem.stage is Stage.DECODE


@pytest.mark.parametrize("stage", list(Stage))
def test_a_plan_with_work_for_one_stage_alone_is_not_empty(stage: Stage) -> None:
    items = tuple(STAGES[stage](RunnerHarness()))
    plan = StepPlan.of(items, encode_steps=3)
    assert plan
    assert plan == StepPlan(**{stage.value: items}, encode_steps=3)  # type: ignore[arg-type]
    assert [plan.items(each) for each in Stage] == [items if each is stage else () for each in Stage]
    assert not StepPlan.of([])


@pytest.mark.parametrize("stage", list(Stage))
def test_the_runner_answers_and_reports_each_stage(stage: Stage) -> None:
    harness = RunnerHarness()
    result = harness.runner.execute(StepPlan.of(STAGES[stage](harness)))
    assert len(result.results) == 4
    assert [report.stage for report in result.stages] == [stage]
    assert not result.failures


def test_results_are_told_apart_by_their_kind() -> None:
    harness = RunnerHarness()
    plans = [StepPlan.of(STAGES[stage](harness)) for stage in Stage]
    results = StepResult(tuple(each for plan in plans for each in harness.runner.execute(plan).results))
    found = (
        *encode_results(results),
        *decode_results(results),
        *unit_results(results),
        *vocode_results(results),
    )
    assert list(map(id, found)) == list(map(id, results.results))
