from __future__ import annotations

import pytest

from translate_svc.session.capacity.easing import Easing, EasingPolicy


def level_after(policy: EasingPolicy, lag_s: float, start_s: float, seconds: float) -> Easing:
    for step in range(round(2 * seconds)):
        policy.observe(start_s + step / 2, lag_s)
    return policy.level


@pytest.mark.parametrize(
    ("lag_s", "level"),
    [
        (0.0, Easing.NONE),
        (0.9, Easing.NONE),
        (1.0, Easing.RARE_DRAFTS),
        (1.9, Easing.RARE_DRAFTS),
        (2.0, Easing.RARER_DRAFTS),
        (4.0, Easing.FEWEST_DRAFTS),
        (7.9, Easing.FEWEST_DRAFTS),
        (8.0, Easing.NO_LATE_SPEECH),
        (100.0, Easing.NO_LATE_SPEECH),
    ],
)
def test_the_order_in_which_things_are_left_out(lag_s: float, level: Easing) -> None:
    assert level_after(EasingPolicy(), lag_s, 0, 30) is level


def test_one_level_after_the_other() -> None:
    policy = EasingPolicy()
    levels = [policy.observe(step / 2, 30.0) for step in range(10)]
    assert [int(level) for level in levels] == [1, 1, 2, 2, 3, 3, 4, 4, 4, 4]


def test_it_takes_five_calm_seconds_to_get_something_back() -> None:
    policy = EasingPolicy()
    level_after(policy, 30.0, 0, 5)
    assert level_after(policy, 3.9, 10, 4.5) is Easing.NO_LATE_SPEECH
    assert level_after(policy, 3.9, 15, 5) is Easing.FEWEST_DRAFTS
    assert level_after(policy, 3.9, 20, 60) is Easing.FEWEST_DRAFTS, "not yet below half of its lag"
    assert level_after(policy, 0.0, 80, 20) is Easing.NONE


def test_a_lag_about_a_threshold_does_not_make_it_go_to_and_fro() -> None:
    policy = EasingPolicy()
    levels = [policy.observe(step / 2, 1.2 if step % 4 else 0.6) for step in range(1, 200)]
    assert set(levels) == {Easing.RARE_DRAFTS}
