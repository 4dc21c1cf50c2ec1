"""The runner on the stand-in accelerator: whole batches, windows, copies to the device and back."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch

from tests.checkpoints import LIMITS, Driver, new_model, new_runner, utterances
from tests.engine.runner.test_graph_runner import jobs
from tests.engine.runner.test_model_runner import assert_same
from tests.engine.runner_harness import RunnerHarness
from tests.fakes.fake_graph_capturer import FakeGraphCapturer, limit_captured_batches
from tests.fakes.standin import NAME, StandIn, stand_in
from tests.step_results import decode_results, encode_results
from translate_svc.engine.plan import EncodeItem, StepPlan
from translate_svc.engine.runner import model_runner
from translate_svc.engine.runner.failure_streaks import MOST_FAILURES
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.engine.step_result import EncodeResult, EncodeUnfinished, StepResult
from translate_svc.errors import DeviceLost
from translate_svc.models.precision import BFLOAT16
from translate_svc.models.seamless.vocoder import piecewise_vocoder
from translate_svc.types import Stage

pytestmark = pytest.mark.skipif(
    os.environ.get("TEST_DEVICE", "").startswith("cuda"),
    reason="torch supports one accelerator per process, and there is a real one",
)


JOB_IDS = itertools.count()


@pytest.fixture
def device() -> Iterator[StandIn]:
    with stand_in() as entered:
        yield entered


@pytest.mark.parametrize(
    ("name", "graphs"),
    [("tiny", False), pytest.param("tiny", True, marks=pytest.mark.slow), ("starter", True)],
)
def test_all_in_one_batch_are_what_they_are_on_the_host(
    name: str, graphs: bool, device: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_runner, "graph_capturer", lambda _device: FakeGraphCapturer())
    limit_captured_batches(monkeypatch)
    expected = Driver(name, device="cpu").translate(jobs(name, apart=0)[:4])
    driver = Driver(name, slots=5, device=NAME, graphs=graphs)
    for made, on_host in zip(driver.translate(jobs(name, apart=0)[:4]), expected, strict=True):
        assert_same(made, on_host)


@pytest.mark.parametrize("graphs", [False, True])
def test_the_host_waits_for_results_alone(
    graphs: bool, device: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One wait for a batch of sources, tokens or waveforms; T2U also waits between durations and units."""
    monkeypatch.setattr(model_runner, "graph_capturer", lambda _device: FakeGraphCapturer())
    limit_captured_batches(monkeypatch)
    monkeypatch.setattr(piecewise_vocoder, "_MAX_ROWS", 4)
    driver = Driver("tiny", slots=5, device=NAME, graphs=graphs)
    waits: dict[Stage, set[int]] = {}
    execute = driver.runner.execute

    def counted(plan: StepPlan) -> StepResult:
        device.waits.clear()
        result = execute(plan)
        (stage,) = (report.stage for report in result.stages)
        waits.setdefault(stage, set()).add(len(device.waits))
        return result

    monkeypatch.setattr(driver.runner, "execute", counted)
    monkeypatch.setattr(piecewise_vocoder, "_NARROWEST_UNITS", 256)  # all in one window
    driver.translate(jobs("tiny", apart=0)[:4])
    assert waits == {stage: {2 if stage is Stage.TEXT_TO_UNIT else 1} for stage in Stage}


def test_texts_wait_for_one_graph_of_an_encoding(device: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside a text, each step starts one graph, and reads the results when the device is done."""
    monkeypatch.setattr(model_runner, "graph_capturer", lambda _device: FakeGraphCapturer())
    limit_captured_batches(monkeypatch)
    harness = RunnerHarness(2, ModelRunner(model := new_model("tiny", device=NAME), LIMITS), model)
    items = tuple(
        EncodeItem(f"n{slot}", each, (slot,), slot) for slot, each in enumerate(harness.samples[:3], start=4)
    )
    device.behind, done = 10**9, []
    for position in range(2, 8):
        device.waits.clear()
        if position == 6:
            device.behind = 0
        plan = StepPlan(encode=items, decode=tuple(harness.decode_items(position)), encode_steps=0)
        result = harness.runner.execute(plan)
        done.append([type(each) for each in encode_results(result)])
        for row, each in zip(harness.tokens, decode_results(result), strict=True):
            row.append(each.token_id)
        assert len(device.waits) == 1 + (position == 7)
    assert done == [[EncodeUnfinished] * 3] * 5 + [[EncodeResult] * 3]


def test_bfloat16_is_what_it_is_on_the_host(device: StandIn) -> None:
    """A GPU's default dtype. Durations are rounded predictions, and another batch may round differently."""
    bfloat16: dict[str, Any] = {"precision": BFLOAT16}
    expected = Driver("starter", device="cpu", **bfloat16).translate(jobs("starter", apart=0)[:4])
    made = Driver("starter", slots=5, device=NAME, **bfloat16).translate(jobs("starter", apart=0)[:4])
    for there, on_host in zip(made, expected, strict=True):
        assert there.token_ids == on_host.token_ids
        assert len(there.samples) == pytest.approx(len(on_host.samples), rel=0.05)


def test_a_stage_that_fails_for_everybody_is_a_lost_device(
    device: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if attention found no kernel. A success ends the row, and refusals of ours do not count."""
    model: Any = new_model("tiny", device=NAME)
    runner, compute = ModelRunner(model, LIMITS), model.encode
    source, wrong = utterances("tiny")[0], np.zeros(1, np.float32)

    def failing(*_: Any) -> Any:
        raise RuntimeError("No execution plans support the graph")

    def step(source: Any, how: Any) -> None:
        monkeypatch.setattr(model, "encode", how)
        runner.execute(StepPlan(encode=(EncodeItem("r", source, (0,), next(JOB_IDS)),)))

    for _ in range(MOST_FAILURES - 1):
        step(source, failing)
    step(source, compute)
    for _ in range(MOST_FAILURES - 1):
        step(source, failing)
        step(wrong, compute)
    with pytest.raises(DeviceLost, match="encode fails"):
        step(source, failing)


def test_an_error_that_sticks_ends_the_engine_also_while_memory_is_freed(
    device: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Any = new_model("tiny", device=NAME)

    def short_of_memory(*_: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB")

    def lost() -> None:
        raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(model, "encode", short_of_memory)
    monkeypatch.setattr(torch.accelerator, "empty_cache", lost)
    items = (EncodeItem("r", utterances("tiny")[0], (0,), 0),)
    with pytest.raises(torch.AcceleratorError):
        ModelRunner(model, LIMITS).execute(StepPlan(encode=items))


def test_memory_that_runs_out_is_freed_and_less_is_tried(
    device: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the allocator keeps is given back first. Then a smaller batch has room, or a single item has."""
    items = tuple(
        EncodeItem(f"r{slot}", each, (slot,), slot) for slot, each in enumerate(utterances("tiny")[:3])
    )
    on_host = new_runner("tiny", device="cpu").execute(StepPlan(encode=items))
    model: Any = new_model("tiny", device=NAME)
    runner = ModelRunner(model, LIMITS)
    compute, sizes = model.encode, list[int]()

    def short_of_memory(sources: Any, *args: Any) -> Any:
        sizes.append(len(sources))
        if len(sources) > 1 or not device.freed:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.00 GiB")
        return compute(sources, *args)

    monkeypatch.setattr(model, "encode", short_of_memory)
    assert encode_results(runner.execute(StepPlan(encode=items))) == encode_results(on_host)
    assert sizes == [3, 1, 2, 1, 1]
    assert device.freed == 2
    device.freed = 0
    sizes.clear()
    assert encode_results(runner.execute(StepPlan(encode=items[:1]))) == encode_results(on_host)[:1]
    assert (sizes, device.freed) == ([1, 1], 1)
