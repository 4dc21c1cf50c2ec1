"""Items that no valid plan holds: each gets a failure with its reason, and no other item is affected."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.engine.runner_harness import RunnerHarness, answers
from translate_svc.engine.plan import EncodeItem, SequenceKey, StepPlan


def decode_item(harness: RunnerHarness, **changes: Any) -> StepPlan:
    return StepPlan(decode=(dataclasses.replace(harness.decode_items(6)[1], **changes),))


def unit_item(harness: RunnerHarness, **changes: Any) -> StepPlan:
    return StepPlan(text_to_unit=(dataclasses.replace(harness.text_to_unit_items(6)[1], **changes),))


def vocode_item(harness: RunnerHarness, **changes: Any) -> StepPlan:
    return StepPlan(vocode=(dataclasses.replace(harness.vocode_items()[1], **changes),))


def encode_item(harness: RunnerHarness, **changes: Any) -> StepPlan:
    return StepPlan(encode=(dataclasses.replace(harness.encode_items()[1], **changes),))


@pytest.mark.parametrize(
    ("plan", "changes", "error"),
    [
        (decode_item, {"key": SequenceKey("r1", 1)}, "slot 1 does not hold this sequence"),
        (decode_item, {"slot": 2}, "slot 2 does not hold this sequence"),
        (decode_item, {"slot": 7}, "slot 7 does not hold this sequence"),
        (decode_item, {"slot": 8}, "slot 8 does not hold this sequence"),
        (decode_item, {"position": 5}, "position 5 is fed after 6 tokens"),
        (decode_item, {"position": 7}, "position 7 is fed after 6 tokens"),
        (decode_item, {"token_ids": (100,)}, "token_ids are outside the vocabulary"),
        (decode_item, {"token_ids": (-1,)}, "token_ids are outside the vocabulary"),
        (unit_item, {"key": SequenceKey("r2", 0)}, "slot 1 does not hold this sequence"),
        (unit_item, {"token_ids": (3, 97, 4, 5, 6, 7)}, "token_ids are not what was fed"),
        (decode_item, {"token_ids": ()}, "a run has no token"),
        (unit_item, {"token_ids": (3, 96)}, "token_ids are not what was fed"),
        (unit_item, {"context_tokens": 9}, "9 + 0 tokens of 6 are context"),
        (unit_item, {"context_tokens": 4, "lookahead_tokens": 3}, "4 + 3 tokens of 6 are context"),
        (unit_item, {"lookahead_tokens": -1}, "0 + -1 tokens of 6 are context"),
        (unit_item, {"language": "fra"}, "language 'fra' has no speech"),
        (unit_item, {"duration_factor": 0.0}, "duration_factor must be a positive number"),
        (unit_item, {"duration_factor": float("nan")}, "duration_factor must be a positive number"),
        (unit_item, {"duration_factor": 1e4}, "the text has more than 1024 units"),
        (vocode_item, {"language": "xyz"}, "language 'xyz' has no speech"),
        (vocode_item, {"speaker_id": 6}, "speaker_id 6 is not in [0, 6)"),
        (vocode_item, {"speaker_id": -1}, "speaker_id -1 is not in [0, 6)"),
        (vocode_item, {"end_unit": 13}, "units [0, 13) of 12 do not exist"),
        (vocode_item, {"start_unit": 12}, "units [12, 12) of 12 do not exist"),
        (vocode_item, {"units": np.full(12, 60)}, "units must lie in [0, 60)"),
        (vocode_item, {"units": np.full(12, -3)}, "units must lie in [0, 60)"),
        (encode_item, {"slots": ()}, "slots () do not all exist"),
        (encode_item, {"slots": (8,)}, "slots (8,) do not all exist"),
        (encode_item, {"source": np.zeros(559, np.float32)}, "samples: shape [559], expected"),
        (encode_item, {"source": np.zeros(160_001, np.float32)}, "samples: shape [160001], expected"),
        (encode_item, {"source": np.zeros((1, 16_000), np.float32)}, "samples: shape [1, 16000], expected"),
        (encode_item, {"source": (97, 3)}, "text of 2 tokens, expected 3 to 64"),
        (encode_item, {"source": (97, *(9,) * 63, 3)}, "text of 65 tokens, expected 3 to 64"),
        (encode_item, {"source": (97, 100, 3)}, "text with tokens outside the vocabulary"),
        (encode_item, {"source": (97, -1, 3)}, "text with tokens outside the vocabulary"),
    ],
)
def test_an_impossible_item_is_answered_by_a_failure(
    plan: Callable[..., StepPlan], changes: dict[str, Any], error: str
) -> None:
    harness = RunnerHarness()
    result = harness.runner.execute(plan(harness, **changes))
    (failure,) = result.failures
    assert error in failure.error
    assert not answers(result)
    if plan is not encode_item:
        assert not harness.runner.execute(plan(harness)).failures, "the right item still works"


def test_two_items_of_one_slot_in_a_step_both_fail() -> None:
    harness = RunnerHarness()
    item = harness.decode_items(6)[0]
    result = harness.runner.execute(StepPlan(decode=(item, item, *harness.decode_items(6)[1:])))
    assert [failure.error for failure in result.failures] == ["slot 0 is fed twice in one step"] * 2
    assert set(answers(result)) == {"r1", "r2", "r3"}


def test_a_failed_encoding_releases_the_slots_of_the_former_owner() -> None:
    harness = RunnerHarness()
    item = EncodeItem("new", np.full(16_000, np.nan, np.float32), (1,), 0)
    assert harness.runner.execute(StepPlan(encode=(item,))).failures
    result = harness.runner.execute(StepPlan(decode=(harness.decode_items(6)[1],)))
    assert result.failures[0].error == "slot 1 does not hold this sequence"
