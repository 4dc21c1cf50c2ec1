"""Every stage works before the first request, on the engine's thread, and nobody's results change."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from tests.checkpoints import LIMITS, checkpoint_folder
from tests.engine.async_fixtures import Inbox, build, request
from tests.engine.runner_harness import STAGES, RunnerHarness, answers, healthy_answers, shared_runner
from translate_svc.assembly import running
from translate_svc.engine.events import RequestFinished
from translate_svc.engine.options import EngineLimits
from translate_svc.engine.plan import StepPlan
from translate_svc.engine.runner.warm_up import WarmUp
from translate_svc.engine.step_result import StepResult
from translate_svc.errors import EngineLost
from translate_svc.models.registry import open_checkpoint
from translate_svc.models.seamless.speech import SeamlessSpeech
from translate_svc.types import Stage


def warm_up() -> WarmUp:
    family = open_checkpoint(checkpoint_folder("tiny"))
    limits = EngineLimits(
        max_slots=LIMITS.max_slots,
        max_slot_tokens=LIMITS.max_slot_tokens,
        max_source_samples=LIMITS.max_source_samples,
        max_source_tokens=LIMITS.max_source_tokens,
    )
    return WarmUp(shared_runner(), limits, family.tokenizer(), family.capabilities)


def test_every_stage_works_and_later_results_are_what_they_are_without(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    execute, worked = shared_runner().execute, set[Stage]()

    def counted(plan: StepPlan) -> StepResult:
        result = execute(plan)
        assert not result.failures
        worked.update(each.stage for each in result.stages)
        return result

    with monkeypatch.context() as patch:
        patch.setattr(shared_runner(), "execute", counted)
        warm_up()()
    assert worked == set(Stage)
    harness = RunnerHarness()
    made = answers(harness.run(encode=STAGES[Stage.ENCODE](harness)))
    assert made == healthy_answers(Stage.ENCODE)


def test_a_stage_that_never_works_is_found_before_a_caller_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_args: Any) -> Any:
        raise RuntimeError("No execution plans support the graph")

    monkeypatch.setattr(SeamlessSpeech, "vocode", failing)
    with pytest.raises(EngineLost, match="vocode"):
        warm_up()()


async def test_requests_wait_for_it_and_it_counts_as_no_work() -> None:
    let_go, thread = threading.Event(), list[str]()

    def slow() -> None:
        thread.append(threading.current_thread().name)
        assert let_go.wait(60)

    inbox, engine = Inbox(), build(warm_up=slow)
    engine.start()
    engine.submit(request("r"), inbox)
    healthy = [engine.status.healthy]
    let_go.set()
    await engine.warmed_up()
    assert [*healthy, engine.status.healthy] == [False, True]
    await inbox.until(RequestFinished)
    assert thread == ["translate-engine"]
    steps = engine.steps
    await engine.stop(drain=True, deadline_s=60)
    other = Inbox()
    async with running(without := build(), 60):
        without.submit(request("r"), other)
        await other.until(RequestFinished)
        assert without.steps == steps


async def test_an_engine_that_is_lost_meanwhile_is_lost() -> None:
    fatal: list[BaseException] = []

    def failing() -> None:
        raise EngineLost("the stage vocode gave no result")

    engine = build(warm_up=failing, on_fatal=fatal.append)
    async with running(engine, 60):
        assert engine.status.lost
    assert [type(each) for each in fatal] == [EngineLost]
