"""A caller over its share gives way, and nobody else notices anything. On virtual time and step by step."""

from __future__ import annotations

import dataclasses

import pytest

from tests.engine.scheduling.live_load import LiveLoad
from tests.engine.scheduling.scheduler_fixtures import ONE, ROOMY, says, together
from tests.engine.scheduling.scheduler_harness import SchedulerHarness
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import StepPlan
from translate_svc.engine.scheduling.caller_shares import CallerShares
from translate_svc.engine.scheduling.sequence import Phase
from translate_svc.types import Stage

SPOKEN = says(*(ONE,) * 3, units=6, speech=True)


@pytest.mark.parametrize("recording_s", [2.5, 12])
def test_a_hundred_recordings_cost_live_callers_no_more_than_one(recording_s: float) -> None:
    one, hundred = (LiveLoad(neighbour=count, recording_s=recording_s) for count in (1, 100))
    for load in (one, hundred):
        load.run(30)
    assert len(hundred.waits_ms) > 60
    assert hundred.p95_ms() <= 1.1 * one.p95_ms(), (hundred.p95_ms(), one.p95_ms())


def test_what_live_callers_leave_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """The neighbour gets nearly as much as if nobody gave way."""
    polite = LiveLoad(neighbour=100)
    polite.run(30)
    monkeypatch.setattr(CallerShares, "over_share", lambda *_: frozenset())
    rude = LiveLoad(neighbour=100)
    rude.run(30)
    assert polite.finished["neighbour"] >= 0.85 * rude.finished["neighbour"]


@pytest.mark.parametrize(
    "load",
    [
        LiveLoad(speakers=30),
        LiveLoad(speakers=60),
        LiveLoad(speakers=0, neighbour=100),
        LiveLoad(neighbour=3),
        LiveLoad(neighbour=100, limits=EngineLimits(min_source_samples=1, admission_window=64)),
    ],
    ids=["many streams", "more than it can carry", "one caller alone", "a few recordings", "files"],
)
def test_nothing_changes_where_nobody_has_to_give_way(
    load: LiveLoad, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = dataclasses.replace(load, waits_ms=[], finished=load.finished.copy(), plans=[])
    load.run(10)
    monkeypatch.setattr(CallerShares, "over_share", lambda *_: frozenset())
    same.run(10)
    assert [_shape(plan) for plan in load.plans] == [_shape(plan) for plan in same.plans]


def _shape(plan: StepPlan) -> list[tuple[object, ...]]:
    return [item.key for stage in Stage for item in plan.items(stage)]


def _beside_a_burst(requests: int = 6) -> tuple[SchedulerHarness, str]:
    """Requests of one caller in every stage of their work, and one of another that comes now."""
    harness = SchedulerHarness(dataclasses.replace(ROOMY, max_slots=16))
    harness.submit(SPOKEN, caller="light")
    for _ in range(requests):
        harness.submit(SPOKEN, caller="heavy")
        harness.step()
    return harness, harness.submit(SPOKEN, caller="light")


def test_where_an_utterance_comes_only_the_texts_of_a_burst_go_on() -> None:
    harness, light = _beside_a_burst(requests=20)
    before = {stage for plan in harness.runner.plans[-10:] for stage in Stage if plan.items(stage)}
    assert before == set(Stage)
    harness.step()
    plan = harness.runner.plans[-1]
    assert [item.request_id for item in plan.encode] == [light]
    assert {stage for stage in Stage if plan.items(stage)} == {Stage.ENCODE, Stage.DECODE}


def test_a_burst_goes_on_while_others_always_have_work() -> None:
    """It gets a quarter of the time that the others' work takes."""
    harness, light = _beside_a_burst(requests=20)
    burst = [each for each, caller in harness.callers.items() if caller == "heavy"]
    for _ in range(1_000):
        harness.step()
        if harness.finished(light):
            light = harness.submit(SPOKEN, caller="light")
        for request_id in harness.live():
            harness.grant(request_id, 0, 4)
        if all(map(harness.finished, burst)):
            return
    raise AssertionError("the burst starves")


def test_a_burst_goes_on_while_another_caller_waits_for_its_slots(monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as without giving way, although somebody else has work in every step."""

    def steps() -> int:
        harness = SchedulerHarness(dataclasses.replace(ROOMY, max_slots=4))
        speaking = harness.submit(says(ONE, units=90, speech=True), caller="speaker")
        harness.run(50)  # it has no credit now
        for _ in range(8):
            harness.submit(SPOKEN, caller="heavy")
        while len(harness.scheduler.slot_owners) < 2:
            harness.step()
        harness.grant(speaking, 0, 50)
        waiting = harness.submit(together(SPOKEN, SPOKEN, SPOKEN), caller="light")
        for step in range(50):
            if harness.scheduler.phases(waiting)[0] is not Phase.WAITING:
                return step
            harness.step()
        raise AssertionError("it waits for ever")

    polite = steps()
    monkeypatch.setattr(CallerShares, "over_share", lambda *_: frozenset())
    assert polite == steps()
