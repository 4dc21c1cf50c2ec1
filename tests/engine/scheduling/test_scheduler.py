"""Single rules of the scheduler: how a text ends, and when a request is admitted."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.engine.scheduling.scheduler_fixtures import ONE, ROOMY, SPACE, TWO, finish, run_to, says, together
from tests.engine.scheduling.scheduler_harness import SMALL, SchedulerHarness
from translate_svc.engine.events import FinishStatus, SequenceFinished, StopReason, TextFinished
from translate_svc.engine.options import StepBudgets
from translate_svc.engine.request import Request
from translate_svc.engine.scheduling.sequence import Phase
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.errors import InvalidArgument
from translate_svc.types import FRAME_SAMPLES, Stage


def test_the_prompt_is_fed_in_one_run_and_then_a_token_a_step() -> None:
    harness = SchedulerHarness()
    request_id = harness.submit(says(ONE, TWO))
    assert finish(harness, request_id).status is FinishStatus.OK
    fed = [item for plan in harness.runner.plans for item in plan.decode]
    tokenizer = harness.tokenizer
    prompt = tokenizer.prompt("eng")
    assert [item.token_ids for item in fed] == [prompt, (ONE,), (TWO,)]
    assert [item.position for item in fed] == [0, 2, 3]
    assert all(item.return_source_ms for item in fed)


def test_attention_is_read_only_when_source_times_are_asked_for() -> None:
    harness = SchedulerHarness()
    harness.submit(says(ONE))
    request = Request("silent", np.zeros(1, np.float32), (SequenceSpec("eng"),))
    harness.scheduler.add(request)
    plans = []
    while plan := harness.scheduler.schedule():
        plans.append(plan)
        harness.scheduler.update(plan, harness.runner.execute(plan))
    asked = {item.key.request_id for plan in plans for item in plan.decode if item.return_source_ms}
    assert asked == {"request-0"}


def test_at_the_limit_text_and_speech_are_what_was_fed() -> None:
    harness = SchedulerHarness()  # six tokens a slot: four after the prompt
    request_id = harness.submit(says(*(ONE,) * 5, units=2, speech=True))
    assert finish(harness, request_id).status is FinishStatus.TRUNCATED
    (item,) = [item for plan in harness.runner.plans for item in plan.text_to_unit]
    assert len(item.token_ids) == harness.limits.max_slot_tokens
    (text,) = [event for event in harness.events[request_id] if isinstance(event, TextFinished)]
    assert (text.tokens, text.stop) == (4, StopReason.TOKEN_LIMIT)


def test_a_text_that_just_fits_is_not_truncated() -> None:
    harness = SchedulerHarness()
    assert finish(harness, harness.submit(says(*(ONE,) * 4))).status is FinishStatus.OK


@pytest.mark.parametrize("token_ids", [(), (SPACE,), (1,)], ids=["nothing", "a space", "a special token"])
def test_without_text_there_is_no_speech(token_ids: tuple[int, ...]) -> None:
    harness = SchedulerHarness()
    request_id = harness.submit(says(*token_ids, units=9, speech=True))
    assert finish(harness, request_id).status is FinishStatus.EMPTY
    assert not any(plan.text_to_unit or plan.vocode for plan in harness.runner.plans)


def test_a_text_without_units_has_no_pieces() -> None:
    harness = SchedulerHarness()
    request_id = harness.submit(says(ONE, units=0, speech=True))
    assert finish(harness, request_id).status is FinishStatus.OK
    assert not any(plan.vocode for plan in harness.runner.plans)


def test_a_token_that_has_no_text_fails_its_sequence_alone() -> None:
    harness = SchedulerHarness()
    bad = harness.submit(together(says(10_000), says(TWO)))
    good = harness.submit(says(ONE))
    harness.run(50)
    harness.check_result(good)
    finished = [event for event in harness.events[bad] if isinstance(event, SequenceFinished)]
    assert {event.sequence: event.status for event in finished} == {
        0: FinishStatus.FAILED,
        1: FinishStatus.OK,
    }
    assert "token 10000" in finished[0].error
    assert harness.scheduler.slot_owners == {}


@pytest.mark.parametrize("stage", list(Stage))
def test_a_poisoned_item_fails_alone(stage: Stage) -> None:
    harness = SchedulerHarness(ROOMY)
    before = harness.submit(says(ONE, units=10, speech=True))
    poisoned = harness.submit(together(says(ONE, units=10, speech=True, fails_at=stage), says(TWO)))
    after = harness.submit(says(TWO, units=10, speech=True))
    for request_id in (before, poisoned, after):
        harness.grant(request_id, 0, 9)
    harness.run(100)
    assert finish(harness, before).status is FinishStatus.OK
    assert finish(harness, after).status is FinishStatus.OK
    assert finish(harness, poisoned).error == f"{stage.value}: poisoned"
    fine = [
        each for each in harness.events[poisoned] if isinstance(each, SequenceFinished) and each.sequence == 1
    ]
    assert [each.status for each in fine] == [
        FinishStatus.FAILED if stage is Stage.ENCODE else FinishStatus.OK
    ]


def test_no_smaller_request_overtakes_the_first_in_the_queue() -> None:
    harness = SchedulerHarness()
    long = harness.submit(says(*(ONE,) * 4))
    large = harness.submit(together(says(ONE), says(ONE), says(ONE)))
    small = harness.submit(says(ONE))
    harness.step()
    harness.step()
    assert harness.scheduler.phases(large) == (Phase.WAITING,) * 3
    assert harness.scheduler.phases(small) == (Phase.WAITING,)
    for request_id in (long, large, small):
        assert finish(harness, request_id).status is FinishStatus.OK


def test_decoding_goes_on_while_long_sources_are_encoded_one_a_step() -> None:
    harness = SchedulerHarness(dataclasses.replace(ROOMY, budgets=StepBudgets(4, 100, 100)))
    first = harness.submit(says(*(ONE,) * 4))
    harness.step()
    for _ in range(4):
        harness.submit(says(ONE, frames=50))
    for _ in range(4):
        harness.step()
    mixed = harness.runner.plans[1:5]
    assert [len(plan.encode) for plan in mixed] == [1, 1, 1, 1]
    assert [item.position for plan in mixed for item in plan.decode if item.key.request_id == first] == [
        0,
        2,
        3,
        4,
    ]


def test_short_sources_share_a_step() -> None:
    harness = SchedulerHarness(ROOMY)
    for _ in range(5):
        harness.submit(says(ONE))
    harness.step()
    assert len(harness.runner.plans[0].encode) == 5


def test_slots_are_free_as_soon_as_units_are_made() -> None:
    harness = SchedulerHarness()
    request_id = harness.submit(says(ONE, units=30, speech=True))
    run_to(harness, request_id, Stage.VOCODE)
    assert harness.scheduler.slot_owners == {}


@pytest.mark.parametrize("sequences", [0, 4])
def test_a_request_that_can_never_run_is_refused(sequences: int) -> None:
    harness = SchedulerHarness()
    with pytest.raises(InvalidArgument) as caught:
        harness.scheduler.add(Request("a", np.zeros(1, np.float32), (SequenceSpec("eng"),) * sequences))
    assert caught.value.field == "sequences"


def test_an_id_in_use_is_refused() -> None:
    harness = SchedulerHarness()
    harness.submit(says(ONE), "a")
    with pytest.raises(InvalidArgument) as caught:
        harness.scheduler.add(Request("a", np.zeros(1, np.float32), (SequenceSpec("eng"),)))
    assert caught.value.field == "request_id"


@pytest.mark.parametrize(("most", "least"), [(1, 1), (2, 1), (4, 1), (4, 3)])
def test_more_waiting_requests_beside_free_slots_allow_longer_encoding(most: int, least: int) -> None:
    limits = dataclasses.replace(
        ROOMY, max_slots=8, budgets=StepBudgets(1, 100, 100), max_encode_steps=most, min_encode_steps=least
    )
    harness = SchedulerHarness(limits)  # one at a time
    for _ in range(9):
        harness.submit(says(ONE))
    plans = []
    while plan := harness.scheduler.schedule():
        plans.append(plan)
        harness.scheduler.update(plan, harness.runner.execute(plan))
    # eight, seven, ... requests wait while as many slots are free; the last one has nobody after it
    encoding = [plan.encode_steps for plan in plans if plan.encode]
    assert encoding[:3] == [most] * 3
    assert encoding[-1] == least
    assert sorted(encoding, reverse=True) == encoding


@pytest.mark.parametrize(
    ("window", "expected"), [(1, "0 1 2 3 4 5"), (4, "1 2 0 4 3 5"), (6, "4 3 1 2 0 5"), (100, "4 3 1 2 0 5")]
)
def test_the_longest_of_a_window_goes_first(window: int, expected: str) -> None:
    """After a first request some of 1, 3, 2, 5, 9 and 1 frames, for one slot. No later window overtakes."""
    harness = SchedulerHarness(dataclasses.replace(SMALL, max_slots=1, admission_window=window))
    finish(harness, harness.submit(says(ONE)))
    for number, frames in enumerate((1, 3, 2, 5, 9, 1)):
        samples = np.zeros(frames * FRAME_SAMPLES, np.float32)
        harness.scheduler.add(Request(str(number), samples, (SequenceSpec("eng"),)))
    encoded = []
    while plan := harness.scheduler.schedule():
        encoded += [item.request_id for item in plan.encode]
        harness.scheduler.update(plan, harness.runner.execute(plan))
    assert list(dict.fromkeys(encoded)) == expected.split()


@pytest.mark.parametrize(("window", "expected"), [(1, "a1 b9 a2 a3"), (100, "a3 b9 a2 a1")])
def test_the_longest_first_takes_no_place_of_another_caller(window: int, expected: str) -> None:
    """After a first request, those of callers a and b, named after their frames."""
    harness = SchedulerHarness(dataclasses.replace(SMALL, max_slots=1, admission_window=window))
    finish(harness, harness.submit(says(ONE)))
    for name in ("a1", "a2", "a3", "b9"):
        samples = np.zeros(int(name[1]) * FRAME_SAMPLES, np.float32)
        harness.scheduler.add(Request(name, samples, (SequenceSpec("eng"),), caller=name[0]))
    encoded = []
    while plan := harness.scheduler.schedule():
        encoded += [item.request_id for item in plan.encode]
        harness.scheduler.update(plan, harness.runner.execute(plan))
    assert list(dict.fromkeys(encoded)) == expected.split()
