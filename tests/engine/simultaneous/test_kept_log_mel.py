"""A hypothesis is told the log-mel frames of the hypothesis before: the same text, and each frame is
computed once.
"""

from __future__ import annotations

import dataclasses
import os

import numpy as np
import pytest

from tests.checkpoints import utterances
from tests.engine.simultaneous.hypothesis_harness import (
    STEP_SAMPLES,
    HypothesisHarness,
    hypothesis_request,
    of,
)
from translate_svc.engine.request import EngineEvent, Request, RequestFinished, SequenceSpec
from translate_svc.engine.scheduling.scheduler import Scheduler
from translate_svc.engine.simultaneous.hypothesis import HypothesisDecided
from translate_svc.models.log_mel import LogMelFrames

pytestmark = pytest.mark.skipif(
    os.environ.get("TEST_DEVICE", "cpu") != "cpu",
    reason="an accelerator keeps no frames: they would cross to the host",
)

SPECS = (SequenceSpec("spa"), SequenceSpec("fra"))


def frames_of(events: list[EngineEvent]) -> LogMelFrames | None:
    return of(events, RequestFinished)[0].log_mel


def test_hypotheses_of_growing_speech_are_the_same_with_and_without_kept_frames(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    samples = utterances("starter")[0]
    ends = [*range(STEP_SAMPLES, len(samples), STEP_SAMPLES), len(samples)]
    house, plain = HypothesisHarness(), HypothesisHarness()
    made = house.hypotheses(samples, ends, SPECS)
    known = [item.log_mel for plan in house.runner.plans for item in plan.encode]
    counts = [0 if each is None else len(each) for each in known]
    assert sorted(set(counts)) == [0, *(1 + (end - 400) // 160 for end in ends[:-1])]
    forget = Scheduler.add

    def add(self: Scheduler, request: Request) -> None:
        assert request.hypothesis is not None
        forget(
            self,
            dataclasses.replace(request, hypothesis=dataclasses.replace(request.hypothesis, log_mel=None)),
        )

    monkeypatch.setattr(Scheduler, "add", add)
    expected = plain.hypotheses(samples, ends, SPECS)
    assert all(item.log_mel is None for plan in plain.runner.plans for item in plan.encode)
    for one, other in zip(made, expected, strict=True):
        for told, anew in zip(of(one, HypothesisDecided), of(other, HypothesisDecided), strict=True):
            assert (told.hypothesis, told.decision, told.kept) == (anew.hypothesis, anew.decision, anew.kept)
            assert np.allclose(told.log_probabilities, anew.log_probabilities, atol=1e-4)


def test_only_a_hypothesis_that_is_continued_keeps_frames() -> None:
    samples = utterances("starter")[0][:STEP_SAMPLES]
    house = HypothesisHarness()
    hypothesis, final, whole = house.run(
        hypothesis_request("hypothesis", samples, SPECS),
        hypothesis_request("final", samples, SPECS, is_final=True),
        Request("whole", samples, SPECS),
    )
    kept = frames_of(hypothesis)
    assert kept is not None
    assert len(kept) == 1 + (STEP_SAMPLES - 400) // 160
    assert (frames_of(final), frames_of(whole)) == (None, None)
