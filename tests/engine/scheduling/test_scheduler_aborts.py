"""An abort works in every phase, between two steps and within one."""

from __future__ import annotations

import dataclasses

import pytest

from tests.engine.scheduling.scheduler_fixtures import ONE, TWO, finish, run_to, says, together
from tests.engine.scheduling.scheduler_harness import SchedulerHarness
from translate_svc.engine.events import FinishStatus
from translate_svc.engine.plan import EncodeItem, SequenceKey, StepPlan
from translate_svc.engine.scheduling.sequence import Phase
from translate_svc.types import Stage

PHASES = (Phase.WAITING, Stage.DECODE, Stage.TEXT_TO_UNIT, Stage.VOCODE)


def at(phase: Phase | Stage, is_text: bool) -> tuple[SchedulerHarness, str]:
    """A request that has just entered ``phase`` (in WAITING another request holds all slots)."""
    harness = SchedulerHarness()
    if phase is Phase.WAITING:
        harness.submit(together(says(ONE, TWO), says(ONE, TWO), says(ONE, TWO)))
        harness.step()
    script = together(says(ONE, units=30, speech=True), says(*(TWO,) * 4))
    request_id = harness.submit(dataclasses.replace(script, is_text=is_text))
    if phase is not Phase.WAITING:
        run_to(harness, request_id, phase)
    return harness, request_id


@pytest.mark.parametrize("is_text", [False, True])
@pytest.mark.parametrize("phase", PHASES)
def test_abort_between_steps(phase: Phase | Stage, is_text: bool) -> None:
    harness, request_id = at(phase, is_text)
    successor = harness.submit(together(says(TWO), says(ONE)))
    harness.abort(request_id)
    assert request_id not in {key.request_id for key in harness.scheduler.slot_owners.values()}
    assert finish(harness, successor).status is FinishStatus.OK
    assert all(key.request_id != request_id for plan in harness.runner.plans[-2:] for key in _keys(plan))


@pytest.mark.parametrize("phase", PHASES[1:])
def test_work_that_was_dropped_does_not_count_as_its_audio_does_not(phase: Phase | Stage) -> None:
    """Else who drops all that it says makes a second of speech cost ever more."""
    harness, request_id = at(phase, is_text=False)
    harness.abort(request_id)
    assert harness.scheduler.totals.work_s == 0.0
    assert harness.scheduler.totals.source_samples == 0
    assert finish(harness, harness.submit(says(ONE))).status is FinishStatus.OK
    assert harness.scheduler.totals.work_s > 0.0
    assert harness.scheduler.totals.source_samples > 0


@pytest.mark.parametrize("is_text", [False, True])
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("resubmit", [False, True])
def test_abort_while_the_step_runs(phase: Phase | Stage, resubmit: bool, is_text: bool) -> None:
    """``SchedulerHarness.step`` checks that no event of the aborted request comes out.

    It also checks that no event of the new request with the same id comes too early.
    """
    harness, request_id = at(phase, is_text)
    harness.step(abort_in_flight=request_id, resubmit=resubmit)
    successor = harness.submit(says(TWO))
    assert finish(harness, successor).status is FinishStatus.OK
    if resubmit:
        harness.grant(request_id, 0, 99)
        assert finish(harness, request_id).status is FinishStatus.OK
    assert harness.scheduler.live_requests == 0


@pytest.mark.parametrize("is_text", [False, True])
def test_abort_while_it_is_encoded(is_text: bool) -> None:
    harness = SchedulerHarness()
    request_id = harness.submit(dataclasses.replace(says(ONE), is_text=is_text))
    harness.step(abort_in_flight=request_id)
    assert not harness.scheduler.has_work
    assert harness.scheduler.slot_owners == {}


@pytest.mark.parametrize("resubmit", [False, True])
@pytest.mark.parametrize("in_flight", [False, True])
def test_abort_of_an_encoding_that_takes_several_steps(in_flight: bool, resubmit: bool) -> None:
    """Its slots go to the next request only after the runner has dropped it. The other one is unaffected."""
    harness = SchedulerHarness()
    request_id = harness.submit(says(ONE, encode_steps=5))
    other = harness.submit(says(TWO, encode_steps=5))
    harness.step()
    harness.step()
    successors = [harness.submit(together(says(TWO), says(ONE))), harness.submit(says(ONE))]
    if in_flight:
        harness.step(abort_in_flight=request_id, resubmit=resubmit)
    else:
        harness.abort(request_id)
    for each in (other, *successors, *([request_id] if in_flight and resubmit else [])):
        assert finish(harness, each).status is FinishStatus.OK


def test_texts_go_on_while_another_source_is_encoded() -> None:
    harness = SchedulerHarness()
    first = harness.submit(says(ONE, TWO, ONE, TWO))
    run_to(harness, first, Stage.DECODE)
    second = harness.submit(says(ONE, encode_steps=3))
    for _ in range(3):
        harness.step()
        plan = harness.runner.plans[-1]
        assert [item.request_id for item in plan.encode] == [second]
        assert [item.key.request_id for item in plan.decode] == [first]
    assert harness.scheduler.phases(second) == (Stage.DECODE,)
    assert finish(harness, second).status is FinishStatus.OK


def test_abort_and_grant_of_unknown_requests_are_ignored() -> None:
    harness = SchedulerHarness()
    request_id = harness.submit(says(ONE))
    harness.scheduler.abort("unknown")
    for name, sequence, pieces in (
        ("unknown", 0, 1),
        (request_id, 1, 1),
        (request_id, -1, 1),
        (request_id, 0, -5),
    ):
        harness.scheduler.grant(name, sequence, pieces)
    assert finish(harness, request_id).status is FinishStatus.OK
    harness.scheduler.abort(request_id)


def _keys(plan: StepPlan) -> list[SequenceKey]:
    return [item.key for stage in Stage for item in plan.items(stage) if not isinstance(item, EncodeItem)]
