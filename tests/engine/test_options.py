from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any

import numpy as np
import pytest

from translate_svc.engine.options import CPU_BUDGETS, EngineLimits, StepBudgets, source_frames
from translate_svc.errors import InvalidArgument
from translate_svc.models.limits import ModelLimits


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"max_slots": 0}, "max_slots"),
        ({"max_waiting_requests": 0}, "max_waiting_requests"),
        ({"initial_credit_pieces": -1}, "initial_credit_pieces"),
        ({"max_slot_tokens": 2}, "max_slot_tokens"),
        ({"min_source_samples": 480_001}, "min_source_samples"),
        ({"first_piece_units": 101}, "first_piece_units"),
        ({"min_duration_factor": 3.0}, "min_duration_factor"),
        ({"min_duration_factor": float("nan")}, "min_duration_factor"),
        ({"max_duration_factor": 0.0}, "max_duration_factor"),
    ],
)
def test_a_limit_out_of_range_is_named(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        EngineLimits(**changes)
    assert caught.value.field == field


@pytest.mark.parametrize("name", [each.name for each in dataclasses.fields(StepBudgets)])
def test_a_budget_out_of_range_is_named(name: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        StepBudgets(**{name: 0})
    assert caught.value.field == name


@pytest.mark.parametrize("kind", [EngineLimits, StepBudgets])
def test_every_limit_is_documented_with_its_default(kind: type[EngineLimits | StepBudgets]) -> None:
    documented = inspect.getdoc(kind) or ""
    for field in dataclasses.fields(kind):
        entry = re.search(rf"\n {{4}}{field.name}: (.*?)(?=\n {{4}}\w|\Z)", documented, re.DOTALL)
        assert entry, f"{field.name} is not documented"
        default = f"{field.default:,}" if isinstance(field.default, int) else str(field.default)
        default = "CPU_BUDGETS" if field.default == CPU_BUDGETS else default
        assert re.search(rf"\b{re.escape(default)}\b", entry[1])


def test_the_models_sizes_are_the_engines() -> None:
    limits = EngineLimits(max_slots=3, max_slot_tokens=40, max_source_samples=50_000, max_source_tokens=60)
    assert limits.model_limits == ModelLimits(3, 40, 50_000, 60)
    for field in dataclasses.fields(ModelLimits):
        assert getattr(limits.model_limits, field.name) == getattr(limits, field.name), "one fact, one name"


@pytest.mark.parametrize(("samples", "frames"), [(1, 1), (512, 1), (513, 2), (480_000, 938)])
def test_source_frames_counts_a_partial_frame(samples: int, frames: int) -> None:
    assert source_frames(np.zeros(samples, np.float32)) == frames


def test_a_token_of_text_counts_as_a_frame() -> None:
    assert source_frames((4, 7, 8, 3)) == 4
