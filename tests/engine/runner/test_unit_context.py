"""Units of the last tokens of a text alone: the tokens before them are heard, and get none."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.checkpoints import checkpoint_folder
from tests.engine.runner_harness import RunnerHarness
from tests.step_results import unit_results
from translate_svc.engine.plan import StepPlan, TextToUnitItem
from translate_svc.models.checkpoint.checkpoint import Checkpoint

FED = 6


@pytest.mark.parametrize("context_tokens", range(FED + 1))
def test_exactly_the_units_of_the_context_are_left_out(context_tokens: int) -> None:
    harness = RunnerHarness(FED)
    whole = harness.text_to_unit_items(FED)
    cut = [dataclasses.replace(item, context_tokens=context_tokens) for item in whole]
    full, rest = (unit_results(harness.run(text_to_unit=items)) for items in (whole, cut))
    characters = Checkpoint.open(checkpoint_folder("tiny")).character_table()
    for item, all_of_it, part in zip(whole, full, rest, strict=True):
        first = len(characters.characters(item.token_ids[:context_tokens]).character_ids)
        assert part.character_durations == all_of_it.character_durations[first:]
        left_out = sum(all_of_it.character_durations[:first])
        np.testing.assert_array_equal(part.units, all_of_it.units[left_out:])
        assert sum(part.character_durations) == len(part.units)
        if context_tokens <= 2:
            assert len(part.units) == len(all_of_it.units), "the prompt is not spoken"
        elif context_tokens == FED:
            assert not len(part.units)


@pytest.mark.parametrize(("context_tokens", "lookahead_tokens"), [(2, 0), (2, 1), (3, 2), (4, 2), (0, FED)])
def test_what_follows_is_heard_and_gets_no_units(context_tokens: int, lookahead_tokens: int) -> None:
    harness = RunnerHarness(FED)
    whole = harness.text_to_unit_items(FED)
    cut = [
        dataclasses.replace(item, context_tokens=context_tokens, lookahead_tokens=lookahead_tokens)
        for item in whole
    ]
    full, part = (unit_results(harness.run(text_to_unit=items)) for items in (whole, cut))
    for all_of_it, each in zip(full, part, strict=True):
        assert sum(all_of_it.token_durations) == len(all_of_it.units)
        end = FED - lookahead_tokens
        assert each.token_durations == all_of_it.token_durations[context_tokens:end]
        first, last = (sum(all_of_it.token_durations[:place]) for place in (context_tokens, end))
        np.testing.assert_array_equal(each.units, all_of_it.units[first:last])
        assert sum(each.character_durations) == len(each.units)


@pytest.mark.parametrize("context_tokens", [-1, FED + 1])
def test_a_context_longer_than_its_text_is_refused(context_tokens: int) -> None:
    harness = RunnerHarness(FED)
    item: TextToUnitItem = dataclasses.replace(
        harness.text_to_unit_items(FED)[0], context_tokens=context_tokens
    )
    (failure,) = harness.runner.execute(StepPlan(text_to_unit=(item,))).failures
    assert "context" in failure.error


@pytest.mark.parametrize(
    ("context_tokens", "dropped_context_tokens"), [(0, 1), (3, 2), (FED, FED - 1), (4, -1)]
)
def test_only_context_behind_the_prompt_is_left_out(context_tokens: int, dropped_context_tokens: int) -> None:
    harness = RunnerHarness(FED)
    item: TextToUnitItem = dataclasses.replace(
        harness.text_to_unit_items(FED)[0],
        context_tokens=context_tokens,
        dropped_context_tokens=dropped_context_tokens,
    )
    (failure,) = harness.runner.execute(StepPlan(text_to_unit=(item,))).failures
    assert "left out" in failure.error
