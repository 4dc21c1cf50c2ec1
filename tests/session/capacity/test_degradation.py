from __future__ import annotations

import pytest

from translate_svc.session.capacity.degradation import Degradation, DegradationPolicy


def level_after(policy: DegradationPolicy, lag_s: float, start_s: float, seconds: float) -> Degradation:
    for step in range(round(2 * seconds)):
        policy.observe(start_s + step / 2, lag_s)
    return policy.level


@pytest.mark.parametrize(
    ("lag_s", "level"),
    [
        (0.0, Degradation.NONE),
        (0.9, Degradation.NONE),
        (1.0, Degradation.RARE_DRAFTS),
        (1.9, Degradation.RARE_DRAFTS),
        (2.0, Degradation.RARER_DRAFTS),
        (4.0, Degradation.FEWEST_DRAFTS),
        (7.9, Degradation.FEWEST_DRAFTS),
        (8.0, Degradation.NO_LATE_SPEECH),
        (100.0, Degradation.NO_LATE_SPEECH),
    ],
)
def test_the_order_in_which_things_are_left_out(lag_s: float, level: Degradation) -> None:
    assert level_after(DegradationPolicy(), lag_s, 0, 30) is level


def test_one_level_after_the_other() -> None:
    policy = DegradationPolicy()
    levels = [policy.observe(step / 2, 30.0) for step in range(10)]
    assert [int(level) for level in levels] == [1, 1, 2, 2, 3, 3, 4, 4, 4, 4]


def test_it_takes_five_calm_seconds_to_get_something_back() -> None:
    policy = DegradationPolicy()
    level_after(policy, 30.0, 0, 5)
    assert level_after(policy, 3.9, 10, 4.5) is Degradation.NO_LATE_SPEECH
    assert level_after(policy, 3.9, 15, 5) is Degradation.FEWEST_DRAFTS
    assert level_after(policy, 3.9, 20, 60) is Degradation.FEWEST_DRAFTS, "not yet below half of its lag"
    assert level_after(policy, 0.0, 80, 20) is Degradation.NONE


def test_a_lag_about_a_threshold_does_not_make_it_go_to_and_fro() -> None:
    policy = DegradationPolicy()
    levels = [policy.observe(step / 2, 1.2 if step % 4 else 0.6) for step in range(1, 200)]
    assert set(levels) == {Degradation.RARE_DRAFTS}
