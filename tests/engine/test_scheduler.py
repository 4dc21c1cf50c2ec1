"""Single rules of the scheduler, each on the smallest scene that shows it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest

from tests.engine.world import SMALL, Script, World
from tests.fakes.fake_runner import FakeTranslation
from tests.fakes.fake_tokenizer import FakeTokenizer
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import Failure, SequenceKey, StageReport, StepPlan, StepResult
from translate_svc.engine.request import (
    FinishStatus,
    Request,
    RequestFinished,
    SequenceFinished,
    SequenceSpec,
    TextFinished,
    TokenDecoded,
    WaveformPiece,
)
from translate_svc.engine.sequence import Phase
from translate_svc.errors import EngineError, InvalidArgument

ONE, TWO = FakeTokenizer().text_ids[:2]
SPACE = FakeTokenizer().text_ids[4]
ROOMY = dataclasses.replace(
    SMALL, max_slots=8, encode_budget_frames=100, text_to_unit_budget_tokens=100, vocode_budget_units=100
)


def says(
    *token_ids: int, units: int = 0, speech: bool = False, fails_at: str | None = None, frames: int = 1
) -> Script:
    return Script(frames, ((speech, FakeTranslation(token_ids, units, fails_at)),))


def together(*scripts: Script) -> Script:
    """The sequences of several scripts as one request."""
    return Script(scripts[0].frames, tuple(sequence for script in scripts for sequence in script.sequences))


def run_to(world: World, request_id: str, phase: Phase) -> None:
    for _ in range(50):
        if phase in world.scheduler.phases(request_id):
            return
        assert world.step()
    raise AssertionError(f"{phase} is not reached")


def finish(world: World, request_id: str) -> RequestFinished:
    world.run(200)
    world.check_result(request_id)
    last = world.events[request_id][-1]
    assert isinstance(last, RequestFinished)
    return last


# -------------------------------------------------------------------- texts and how they end


def test_the_prompt_is_fed_and_its_first_prediction_is_not_text() -> None:
    world = World()
    request_id = world.submit(says(ONE, TWO))
    assert finish(world, request_id).status is FinishStatus.OK
    fed = [item for plan in world.runner.plans for item in plan.decode]
    tokenizer = world.tokenizer
    assert [item.token_id for item in fed] == [
        tokenizer.eos_token_id,
        tokenizer.language_token("eng"),
        ONE,
        TWO,
    ]
    assert [item.position for item in fed] == [0, 1, 2, 3]
    assert [item.attention for item in fed] == [False, True, True, True]


def test_attention_is_read_only_when_source_times_are_asked_for() -> None:
    world = World()
    world.submit(says(ONE))
    request = Request("silent", np.zeros(1, np.float32), (SequenceSpec("eng"),))
    world.scheduler.add(request)
    plans = []
    while plan := world.scheduler.schedule():
        plans.append(plan)
        world.scheduler.update(plan, world.runner.execute(plan))
    asked = {item.key.request_id for plan in plans for item in plan.decode if item.attention}
    assert asked == {"request-0"}


def test_at_the_limit_text_and_speech_are_what_was_fed() -> None:
    world = World()  # six tokens a slot: four after the prompt
    request_id = world.submit(says(*(ONE,) * 5, units=2, speech=True))
    assert finish(world, request_id).status is FinishStatus.TRUNCATED
    (item,) = [item for plan in world.runner.plans for item in plan.text_to_unit]
    assert len(item.token_ids) == world.limits.max_slot_tokens
    (text,) = [event for event in world.events[request_id] if isinstance(event, TextFinished)]
    assert (text.tokens, text.truncated) == (4, True)


def test_a_text_that_just_fits_is_not_truncated() -> None:
    world = World()
    assert finish(world, world.submit(says(*(ONE,) * 4))).status is FinishStatus.OK


@pytest.mark.parametrize("token_ids", [(), (SPACE,), (1,)], ids=["nothing", "a space", "a special token"])
def test_without_text_there_is_no_speech(token_ids: tuple[int, ...]) -> None:
    world = World()
    request_id = world.submit(says(*token_ids, units=9, speech=True))
    assert finish(world, request_id).status is FinishStatus.EMPTY
    assert not any(plan.text_to_unit or plan.vocode for plan in world.runner.plans)


def test_a_text_without_units_has_no_pieces() -> None:
    world = World()
    request_id = world.submit(says(ONE, units=0, speech=True))
    assert finish(world, request_id).status is FinishStatus.OK
    assert not any(plan.vocode for plan in world.runner.plans)


def test_a_token_that_has_no_text_fails_its_sequence_alone() -> None:
    world = World()
    bad = world.submit(together(says(10_000), says(TWO)))
    good = world.submit(says(ONE))
    world.run(50)
    world.check_result(good)
    finished = [event for event in world.events[bad] if isinstance(event, SequenceFinished)]
    assert {event.sequence: event.status for event in finished} == {
        0: FinishStatus.FAILED,
        1: FinishStatus.OK,
    }
    assert "token 10000" in finished[0].error
    assert world.scheduler.slot_owners == {}


@pytest.mark.parametrize("stage", ["encode", "decode", "text_to_unit", "vocode"])
def test_a_poisoned_item_fails_alone(stage: str) -> None:
    world = World(ROOMY)
    before = world.submit(says(ONE, units=10, speech=True))
    poisoned = world.submit(together(says(ONE, units=10, speech=True, fails_at=stage), says(TWO)))
    after = world.submit(says(TWO, units=10, speech=True))
    for request_id in (before, poisoned, after):
        world.grant(request_id, 0, 9)
    world.run(100)
    assert finish(world, before).status is FinishStatus.OK
    assert finish(world, after).status is FinishStatus.OK
    assert finish(world, poisoned).error == f"{stage}: poisoned"
    fine = [
        each for each in world.events[poisoned] if isinstance(each, SequenceFinished) and each.sequence == 1
    ]
    assert [each.status for each in fine] == [FinishStatus.FAILED if stage == "encode" else FinishStatus.OK]


# -------------------------------------------------------------------- aborts


SCENES = (Phase.WAITING, Phase.DECODE, Phase.T2U, Phase.VOCODE)


def at(phase: Phase) -> tuple[World, str]:
    """A request that has just come to ``phase`` (in WAITING all slots are taken by another)."""
    world = World()
    if phase is Phase.WAITING:
        world.submit(together(says(ONE, TWO), says(ONE, TWO), says(ONE, TWO)))
        world.step()
    request_id = world.submit(together(says(ONE, units=30, speech=True), says(*(TWO,) * 4)))
    if phase is not Phase.WAITING:
        run_to(world, request_id, phase)
    return world, request_id


@pytest.mark.parametrize("phase", SCENES)
def test_abort_between_steps(phase: Phase) -> None:
    world, request_id = at(phase)
    heir = world.submit(together(says(TWO), says(ONE)))
    world.abort(request_id)
    assert request_id not in {key.request_id for key in world.scheduler.slot_owners.values()}
    assert finish(world, heir).status is FinishStatus.OK
    assert all(key.request_id != request_id for plan in world.runner.plans[-2:] for key in _keys(plan))


@pytest.mark.parametrize("phase", SCENES)
@pytest.mark.parametrize("resubmit", [False, True])
def test_abort_while_the_result_is_on_its_way(phase: Phase, resubmit: bool) -> None:
    """``World.step`` sees to it that no event of the aborted request comes out, nor of its namesake too
    early.
    """
    world, request_id = at(phase)
    world.step(abort_in_flight=request_id, resubmit=resubmit)
    heir = world.submit(says(TWO))
    assert finish(world, heir).status is FinishStatus.OK
    if resubmit:
        world.grant(request_id, 0, 99)
        assert finish(world, request_id).status is FinishStatus.OK
    assert world.scheduler.live_requests == 0


def test_abort_while_it_is_encoded() -> None:
    world = World()
    request_id = world.submit(says(ONE))
    world.step(abort_in_flight=request_id)
    assert not world.scheduler.has_work
    assert world.scheduler.slot_owners == {}


def test_abort_and_grant_of_strangers_are_ignored() -> None:
    world = World()
    request_id = world.submit(says(ONE))
    world.scheduler.abort("stranger")
    for name, sequence, pieces in (
        ("stranger", 0, 1),
        (request_id, 1, 1),
        (request_id, -1, 1),
        (request_id, 0, -5),
    ):
        world.scheduler.grant(name, sequence, pieces)
    assert finish(world, request_id).status is FinishStatus.OK
    world.scheduler.abort(request_id)


def _keys(plan: StepPlan) -> list[SequenceKey]:
    decode = [item.key for item in plan.decode]
    return decode + [item.key for item in plan.text_to_unit] + [item.key for item in plan.vocode]


# -------------------------------------------------------------------- admission and budgets


def test_the_first_in_line_is_not_passed_by_a_smaller_one() -> None:
    world = World()
    long = world.submit(says(*(ONE,) * 4))
    large = world.submit(together(says(ONE), says(ONE), says(ONE)))
    small = world.submit(says(ONE))
    world.step()
    world.step()
    assert world.scheduler.phases(large) == (Phase.WAITING,) * 3
    assert world.scheduler.phases(small) == (Phase.WAITING,)
    for request_id in (long, large, small):
        assert finish(world, request_id).status is FinishStatus.OK


def test_decoding_goes_on_while_long_sources_are_encoded_one_a_step() -> None:
    world = World(dataclasses.replace(ROOMY, encode_budget_frames=4))
    first = world.submit(says(*(ONE,) * 4))
    world.step()
    for _ in range(4):
        world.submit(says(ONE, frames=50))
    for _ in range(4):
        world.step()
    mixed = world.runner.plans[1:5]
    assert [len(plan.encode) for plan in mixed] == [1, 1, 1, 1]
    assert [item.position for plan in mixed for item in plan.decode if item.key.request_id == first] == [
        0,
        1,
        2,
        3,
    ]


def test_short_sources_share_a_step() -> None:
    world = World(ROOMY)
    for _ in range(5):
        world.submit(says(ONE))
    world.step()
    assert len(world.runner.plans[0].encode) == 5


def test_slots_are_free_as_soon_as_units_are_made() -> None:
    world = World()
    request_id = world.submit(says(ONE, units=30, speech=True))
    run_to(world, request_id, Phase.VOCODE)
    assert world.scheduler.slot_owners == {}


@pytest.mark.parametrize("sequences", [0, 4])
def test_a_request_that_can_never_run_is_refused(sequences: int) -> None:
    world = World()
    with pytest.raises(InvalidArgument) as caught:
        world.scheduler.add(Request("a", np.zeros(1, np.float32), (SequenceSpec("eng"),) * sequences))
    assert caught.value.field == "sequences"


def test_an_id_in_use_is_refused() -> None:
    world = World()
    world.submit(says(ONE), "a")
    with pytest.raises(InvalidArgument) as caught:
        world.scheduler.add(Request("a", np.zeros(1, np.float32), (SequenceSpec("eng"),)))
    assert caught.value.field == "request_id"


# -------------------------------------------------------------------- pieces and credit


def pieces_of(world: World, request_id: str) -> list[int]:
    """Lengths in units of the pieces delivered."""
    return [len(e.samples) // 320 for e in world.events[request_id] if isinstance(e, WaveformPiece)]


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
    run_to(world, request_id, Phase.VOCODE)
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


# -------------------------------------------------------------------- the runner's side of the contract


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
    return dataclasses.replace(result, decoded=())


def _twice(result: StepResult) -> StepResult:
    return dataclasses.replace(result, decoded=result.decoded * 2)


def _both(result: StepResult) -> StepResult:
    key = result.decoded[0].key
    return dataclasses.replace(result, failures=(Failure(*key, "decode", "poisoned"),))


def _foreign(result: StepResult) -> StepResult:
    stranger = dataclasses.replace(result.decoded[0], key=SequenceKey("stranger", 0))
    return dataclasses.replace(result, decoded=(*result.decoded, stranger))


def _unknown_stage(result: StepResult) -> StepResult:
    return dataclasses.replace(result, stages=(StageReport("beam", 1.0, 1),))


def _foreign_failure(result: StepResult) -> StepResult:
    return dataclasses.replace(result, failures=(Failure("stranger", None, "encode", "poisoned"),))


@pytest.mark.parametrize("break_contract", [_drop, _twice, _both, _foreign, _unknown_stage, _foreign_failure])
def test_a_runner_that_breaks_the_contract_is_found_out(
    break_contract: Callable[[StepResult], StepResult],
) -> None:
    world = World()
    world.submit(says(ONE))
    world.step()
    plan = world.scheduler.schedule()
    with pytest.raises(EngineError, match="runner"):
        world.scheduler.update(plan, break_contract(world.runner.execute(plan)))


def test_a_piece_of_the_wrong_length_is_found_out() -> None:
    world = World()
    run_to(world, world.submit(says(ONE, units=9, speech=True)), Phase.VOCODE)
    plan = world.scheduler.schedule()
    result = world.runner.execute(plan)
    short = dataclasses.replace(result.vocoded[0], samples=result.vocoded[0].samples[:-1])
    with pytest.raises(EngineError, match="wrong length"):
        world.scheduler.update(plan, dataclasses.replace(result, vocoded=(short,)))


def test_schedule_and_update_alternate() -> None:
    world = World()
    world.submit(says(ONE))
    plan = world.scheduler.schedule()
    with pytest.raises(EngineError, match="before the last"):
        world.scheduler.schedule()
    result = world.runner.execute(plan)
    world.scheduler.update(plan, result)
    with pytest.raises(EngineError, match="not the last"):
        world.scheduler.update(plan, result)


def test_tokens_carry_their_delta_and_probability() -> None:
    world = World()
    request_id = world.submit(says(ONE, TWO))
    finish(world, request_id)
    tokens = [event for event in world.events[request_id] if isinstance(event, TokenDecoded)]
    assert [(event.text, event.log_probability, event.source_ms) for event in tokens] == [
        ("one", -0.5, 160),
        (" two", -0.5, 320),
    ]
