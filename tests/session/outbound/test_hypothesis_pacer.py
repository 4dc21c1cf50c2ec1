"""When a step comes too late to be translated."""

from __future__ import annotations

import itertools

import pytest

from translate_svc.session.outbound.hypothesis_pacer import HypothesisPacer

RATE_HZ, STEP_S = 16_000, 0.5

Row = tuple[float, float, float, bool]
"""Through which second of the stream was heard, when that arrived, the time now, and whether it is late."""

ROWS: list[object] = [
    pytest.param([(0.5, 10.0, 10.0, False), (1.0, 10.5, 10.5, False)], id="in time"),
    pytest.param([(0.5, 10.0, 10.0, False), (1.0, 10.5, 11.0, False)], id="just one step late"),
    pytest.param([(0.5, 10.0, 10.0, False), (1.0, 10.5, 11.1, True)], id="more than a step late"),
    pytest.param(
        [
            (0.5, 10.0, 10.0, False),
            (1.0, 10.5, 11.1, True),
            (1.5, 11.0, 11.2, False),
            (2.0, 11.5, 11.5, True),
        ],
        id="in time again, every second step",
    ),
    pytest.param(
        [(0.5, 10.0, 10.0, False), (5.0, 10.0, 11.0, False), (9.5, 10.0, 12.0, False)],
        id="a file that is sent faster than it plays is never late",
    ),
    pytest.param(
        [(0.5, 10.0, 10.0, False), (1.0, 30.0, 30.0, False), (1.5, 30.5, 30.5, False)],
        id="a pause of the sender makes nothing late",
    ),
    pytest.param([(0.5, 10.0, 12.0, False), (1.0, 10.5, 12.5, False)], id="the first step is the origin"),
]


@pytest.mark.parametrize("rows", ROWS)
def test_late(rows: list[Row]) -> None:
    pacer = HypothesisPacer(RATE_HZ)
    for heard_s, arrived_s, now_s, late in rows:
        assert pacer.is_late(round(heard_s * RATE_HZ), arrived_s, now_s, STEP_S) is late


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
