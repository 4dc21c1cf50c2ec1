"""The runner with fake CUDA graphs on a CPU: its results do not change."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from torch import Tensor

from tests.checkpoints import Driver, Job, checkpoint_folder, oracle, utterances
from tests.engine.runner.test_model_runner import assert_same
from tests.fakes.fake_graph_capturer import FakeGraphCapturer, limit_captured_batches
from translate_svc.assembly import load_engine
from translate_svc.config import Settings
from translate_svc.engine.runner import model_runner
from translate_svc.models.checkpoint.checkpoint import Checkpoint
from translate_svc.observability.labels import PREFIX
from translate_svc.observability.metrics import Metrics
from translate_svc.types import Stage


@pytest.fixture
def capturer(monkeypatch: pytest.MonkeyPatch) -> FakeGraphCapturer:
    made = FakeGraphCapturer()
    monkeypatch.setattr(model_runner, "graph_capturer", lambda _device: made)
    limit_captured_batches(monkeypatch)
    return made


def jobs(name: str, *, apart: int) -> list[Job]:
    speakers = Checkpoint.open(checkpoint_folder(name)).speakers
    return [
        Job(source, language, speakers[language][0], slot, start=apart * slot)
        for slot, source, language in zip(range(6), utterances(name), ("eng", "spa") * 3, strict=False)
    ]


@pytest.mark.parametrize("apart", [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["tiny", "starter"])
def test_each_of_many_is_what_transformers_gives(name: str, apart: int, capturer: FakeGraphCapturer) -> None:
    driver = Driver(name, slots=9)
    together = jobs(name, apart=apart)
    for job, made in zip(together, driver.translate(together), strict=True):
        theirs = oracle(name).translate(job.source, job.language, job.speaker_id)
        if len(theirs.units):
            assert_same(made, theirs)
        else:
            assert made.token_ids == theirs.token_ids
    assert capturer.replays >= max(len(job.token_ids) for job in together)


def test_without_graphs_nothing_is_captured(capturer: FakeGraphCapturer) -> None:
    Driver("tiny", graphs=False)
    assert capturer.captured == 0


def test_a_scrape_says_how_many_there_are(capturer: FakeGraphCapturer) -> None:
    metrics = Metrics()
    load_engine(Settings(model=str(checkpoint_folder("tiny"))), metrics, None)
    value = metrics.registry.get_sample_value
    counts = [value(f"{PREFIX}graphs_captured", {"stage": stage.value}) for stage in Stage]
    assert all(counts)
    assert sum(filter(None, counts)) == capturer.captured
    assert value(f"{PREFIX}graphs_refused", {"stage": "decode"}) == 0


def test_a_capture_that_fails_is_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(function: Callable[[], Tensor]) -> Callable[[], Tensor]:
        function()
        raise RuntimeError("operation not permitted when stream is capturing")

    monkeypatch.setattr(model_runner, "graph_capturer", lambda _device: failing)
    with caplog.at_level(logging.WARNING):
        driver = Driver("tiny")
    assert "could not be captured: operation not permitted" in caplog.text
    job = jobs("tiny", apart=0)[0]
    theirs = oracle("tiny").translate(job.source, job.language, job.speaker_id)
    assert_same(driver.translate([job])[0], theirs)
