"""When a step comes too late to be translated."""

from __future__ import annotations

import itertools

import pytest

from translate_svc.session.outbound.hypothesis_pacer import HypothesisPacer

RATE_HZ, STEP_S = 16_000, 0.5


def play(pacer: HypothesisPacer, steps: int, hypothesis_s: float, *, first: int = 0) -> list[int]:
    """Steps of a live stream whose hypotheses take ``hypothesis_s`` each; returns those that were
    translated.
    """
    translated, free_s = [], 0.0
    for step in range(first, first + steps):
        arrived_s = (step + 1) * STEP_S
        now_s = max(arrived_s, free_s)
        if not pacer.is_late(round(arrived_s * RATE_HZ), arrived_s, now_s, STEP_S):
            translated.append(step)
            free_s = now_s + hypothesis_s
    return translated


@pytest.mark.parametrize(("hypothesis_s", "stride"), [(0.1, 1), (0.45, 1), (0.8, 2), (1.6, 4)])
def test_hypotheses_get_rarer_on_the_grid_and_not_later(hypothesis_s: float, stride: int) -> None:
    """From 0.5 s to 1 s to 2 s: before, steps were left out one by one, wherever a hypothesis had ended."""
    pacer = HypothesisPacer(RATE_HZ)
    translated = play(pacer, 20, hypothesis_s)
    settled = [step for step in translated if step > 8]
    assert pacer.stride == stride
    assert all(step % stride == 0 for step in settled)
    assert {later - first for first, later in itertools.pairwise(settled)} == {stride}


def test_a_load_that_goes_is_forgotten_and_one_that_stays_is_tried_ever_more_rarely() -> None:
    pacer = HypothesisPacer(RATE_HZ)
    play(pacer, 12, 0.8)
    assert pacer.stride == 2
    play(pacer, 40, 0.1, first=12)
    assert pacer.stride == 1
    busy = HypothesisPacer(RATE_HZ)
    translated = play(busy, 2000, 0.8)
    strides = [later - first for first, later in itertools.pairwise(translated)]
    assert strides.count(2) > 0.9 * len(strides)
