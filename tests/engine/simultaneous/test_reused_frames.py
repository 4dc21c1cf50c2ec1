"""The frames of a growing buffer are computed once: the same results with and without kept frames."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tests.checkpoints import utterances
from tests.engine.simultaneous.hypothesis_harness import (
    STEP_SAMPLES,
    HypothesisHarness,
    hypothesis_request,
    hypothesis_runner,
    of,
)
from translate_svc.engine.request import Request
from translate_svc.engine.runner.source_cache import SourceCache
from translate_svc.engine.sequence_spec import SequenceSpec
from translate_svc.engine.simultaneous.hypothesis import HypothesisDecided

pytestmark = pytest.mark.skipif(
    os.environ.get("TEST_DEVICE", "cpu") != "cpu",
    reason="an accelerator keeps no frames: they would cross to the host",
)

SPECS = (SequenceSpec("spa"), SequenceSpec("fra"))


def house_with(cache: SourceCache) -> HypothesisHarness:
    return HypothesisHarness(runner=hypothesis_runner("starter", source_cache=cache))


def test_hypotheses_of_growing_speech_are_the_same_with_and_without_kept_frames() -> None:
    samples = utterances("starter")[0]
    ends = [*range(STEP_SAMPLES, len(samples), STEP_SAMPLES), len(samples)]
    made = house_with(SourceCache()).hypotheses(samples, ends, SPECS)
    expected = house_with(SourceCache(max_bytes=0)).hypotheses(samples, ends, SPECS)
    for one, other in zip(made, expected, strict=True):
        for told, anew in zip(of(one, HypothesisDecided), of(other, HypothesisDecided), strict=True):
            assert (told.hypothesis, told.decision, told.kept) == (anew.hypothesis, anew.decision, anew.kept)
            assert np.allclose(
                told.hypothesis.log_probabilities, anew.hypothesis.log_probabilities, atol=1e-4
            )


def test_frames_of_an_utterance_are_kept_until_its_last_hypothesis() -> None:
    samples, cache = utterances("starter")[0][:STEP_SAMPLES], SourceCache()
    house = house_with(cache)
    house.run(
        hypothesis_request("growing", samples, SPECS, utterance_id="a"),
        hypothesis_request("final", samples, SPECS, is_final=True, utterance_id="b"),
        Request("whole", samples, SPECS),
    )
    frames = 1 + (STEP_SAMPLES - 400) // 160
    assert (len(cache), cache.bytes) == (1, frames * 80 * 8)
    house.run(hypothesis_request("end", samples, SPECS, is_final=True, utterance_id="a"))
    assert (len(cache), cache.bytes) == (0, 0)
