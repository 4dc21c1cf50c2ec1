"""An abort is honoured in every phase, between two steps and within one."""

from __future__ import annotations

import dataclasses

import pytest

from tests.engine.scenes import ONE, TWO, finish, run_to, says, together
from tests.engine.world import World
from translate_svc.engine.plan import EncodeItem, SequenceKey, StepPlan
from translate_svc.engine.request import (
    FinishStatus,
)
from translate_svc.engine.sequence import Phase
from translate_svc.types import Stage

SCENES = (Phase.WAITING, Stage.DECODE, Stage.TEXT_TO_UNIT, Stage.VOCODE)


def at(phase: Phase | Stage, is_text: bool) -> tuple[World, str]:
    """A request that has just come to ``phase`` (in WAITING all slots are taken by another)."""
    world = World()
    if phase is Phase.WAITING:
        world.submit(together(says(ONE, TWO), says(ONE, TWO), says(ONE, TWO)))
        world.step()
    script = together(says(ONE, units=30, speech=True), says(*(TWO,) * 4))
    request_id = world.submit(dataclasses.replace(script, is_text=is_text))
    if phase is not Phase.WAITING:
        run_to(world, request_id, phase)
    return world, request_id


@pytest.mark.parametrize("is_text", [False, True])
@pytest.mark.parametrize("phase", SCENES)
def test_abort_between_steps(phase: Phase | Stage, is_text: bool) -> None:
    world, request_id = at(phase, is_text)
    heir = world.submit(together(says(TWO), says(ONE)))
    world.abort(request_id)
    assert request_id not in {key.request_id for key in world.scheduler.slot_owners.values()}
    assert finish(world, heir).status is FinishStatus.OK
    assert all(key.request_id != request_id for plan in world.runner.plans[-2:] for key in _keys(plan))


@pytest.mark.parametrize("is_text", [False, True])
@pytest.mark.parametrize("phase", SCENES)
@pytest.mark.parametrize("resubmit", [False, True])
def test_abort_while_the_result_is_on_its_way(phase: Phase | Stage, resubmit: bool, is_text: bool) -> None:
    """``World.step`` sees to it that no event of the aborted request comes out, nor of its namesake too
    early.
    """
    world, request_id = at(phase, is_text)
    world.step(abort_in_flight=request_id, resubmit=resubmit)
    heir = world.submit(says(TWO))
    assert finish(world, heir).status is FinishStatus.OK
    if resubmit:
        world.grant(request_id, 0, 99)
        assert finish(world, request_id).status is FinishStatus.OK
    assert world.scheduler.live_requests == 0


@pytest.mark.parametrize("is_text", [False, True])
def test_abort_while_it_is_encoded(is_text: bool) -> None:
    world = World()
    request_id = world.submit(dataclasses.replace(says(ONE), is_text=is_text))
    world.step(abort_in_flight=request_id)
    assert not world.scheduler.has_work
    assert world.scheduler.slot_owners == {}


@pytest.mark.parametrize("resubmit", [False, True])
@pytest.mark.parametrize("in_flight", [False, True])
def test_abort_of_an_encoding_that_takes_several_steps(in_flight: bool, resubmit: bool) -> None:
    """Its slots go to the next in line only when the runner has forgotten it; its mate is none the wiser."""
    world = World()
    request_id = world.submit(says(ONE, encode_steps=5))
    mate = world.submit(says(TWO, encode_steps=5))
    world.step()
    world.step()
    heirs = [world.submit(together(says(TWO), says(ONE))), world.submit(says(ONE))]
    if in_flight:
        world.step(abort_in_flight=request_id, resubmit=resubmit)
    else:
        world.abort(request_id)
    for each in (mate, *heirs, *([request_id] if in_flight and resubmit else [])):
        assert finish(world, each).status is FinishStatus.OK


def test_texts_go_on_while_another_source_is_encoded() -> None:
    world = World()
    first = world.submit(says(ONE, TWO, ONE, TWO))
    run_to(world, first, Stage.DECODE)
    second = world.submit(says(ONE, encode_steps=3))
    for _ in range(3):
        world.step()
        plan = world.runner.plans[-1]
        assert [item.request_id for item in plan.encode] == [second]
        assert [item.key.request_id for item in plan.decode] == [first]
    assert world.scheduler.phases(second) == (Stage.DECODE,)
    assert finish(world, second).status is FinishStatus.OK


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
    return [item.key for stage in Stage for item in plan.items(stage) if not isinstance(item, EncodeItem)]
