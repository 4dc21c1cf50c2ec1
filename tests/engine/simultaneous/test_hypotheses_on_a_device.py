"""Hypotheses on the stand-in accelerator, with captured graphs: they attend to the same and commit the
same.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest

from tests.engine.simultaneous.hypothesis_harness import HypothesisHarness, hypothesis_runner, of
from tests.engine.simultaneous.test_growing_sequence import FRENCH, SPANISH, assert_alike, clip, growing, told
from tests.fakes.fake_graph_capturer import FakeGraphCapturer, limit_captured_batches
from tests.fakes.standin import NAME, StandIn, stand_in
from translate_svc.engine.events import EngineEvent, WaveformPiece
from translate_svc.engine.request import Request
from translate_svc.engine.runner import model_runner
from translate_svc.engine.simultaneous.hypothesis import HypothesisDecided
from translate_svc.types import Samples

pytestmark = pytest.mark.skipif(
    os.environ.get("TEST_DEVICE", "").startswith("cuda"),
    reason="torch supports one accelerator per process, and there is a real one",
)

Hypotheses = list[list[EngineEvent]]


@pytest.fixture
def device() -> Iterator[StandIn]:
    with stand_in() as entered:
        yield entered


def all_hypotheses(
    house: HypothesisHarness, beside: Callable[[int], Sequence[Request]] = lambda _: ()
) -> Hypotheses:
    """Of a clip that grows, in two languages, each hypothesis with the history that the one before has
    left.
    """
    samples = clip(2)
    ends = growing(samples)
    return house.hypotheses(samples, [*ends[:-1:2], ends[-1]], (SPANISH, FRENCH), beside=beside)


@pytest.fixture(scope="module")
def eager() -> Hypotheses:
    """On the host, without graphs."""
    return all_hypotheses(HypothesisHarness(runner=hypothesis_runner("starter", device="cpu", graphs=False)))


def waveform(events: list[EngineEvent]) -> Samples:
    return np.concatenate([np.empty(0, np.float32), *(each.samples for each in of(events, WaveformPiece))])


def assert_same(made: Hypotheses, expected: Hypotheses) -> None:
    for events, theirs in zip(made, expected, strict=True):
        for index in range(2):
            own, other = (
                [e for e in each if getattr(e, "sequence", None) == index] for each in (events, theirs)
            )
            assert told(own) == told(other)
            assert_alike(waveform(own), waveform(other))


@pytest.mark.slow
@pytest.mark.parametrize("graphs", [False, True])
def test_hypotheses_are_what_they_are_on_the_host(
    graphs: bool, eager: Hypotheses, device: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    capturer = FakeGraphCapturer()
    monkeypatch.setattr(model_runner, "graph_capturer", lambda _device: capturer)
    limit_captured_batches(monkeypatch)
    house = HypothesisHarness(runner=hypothesis_runner("starter", device=NAME, graphs=graphs))
    made = all_hypotheses(house)
    assert_same(made, eager)
    assert bool(capturer.replays) == graphs
    decided = [each for events in made for each in of(events, HypothesisDecided)]
    assert sum(each.hypothesis.history_tokens > 0 for each in decided) >= 4, "histories were fed in one pass"
    assert sum(len(set(each.hypothesis.attended_frames)) > 3 for each in decided) >= 6, (
        "attention tells frames apart"
    )


def test_hypotheses_in_captured_graphs_do_not_depend_on_their_batch_mates(
    eager: Hypotheses, device: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_runner, "graph_capturer", lambda _device: FakeGraphCapturer())
    limit_captured_batches(monkeypatch)
    house = HypothesisHarness(runner=hypothesis_runner("starter", device=NAME, graphs=True))
    made = all_hypotheses(house, lambda number: [Request(f"other {number}", clip(number % 2), (SPANISH,))])
    assert max(len(plan.decode) for plan in house.runner.plans) >= 3, "they never shared a step"
    assert_same(made, eager)
