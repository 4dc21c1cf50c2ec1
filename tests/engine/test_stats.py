from __future__ import annotations

import pytest

from translate_svc.engine.stats import RetryEstimate


def test_it_learns_the_time_between_admissions() -> None:
    estimate = RetryEstimate()
    for step in range(200):
        estimate.observe(admitted=2, waiting=10, now=step * 1.0)
    assert estimate.seconds(10) == pytest.approx(0.5 * 10 / 2, rel=0.01)


def test_idle_time_teaches_nothing() -> None:
    estimate = RetryEstimate()
    before = estimate.seconds(10)
    for hour in range(10):
        estimate.observe(admitted=1, waiting=0, now=hour * 3600.0)
    assert estimate.seconds(10) == before


def test_it_stays_within_sensible_bounds() -> None:
    estimate = RetryEstimate()
    assert estimate.seconds(0) == 0.1
    for step in range(100):
        estimate.observe(admitted=1, waiting=5, now=step * 1000.0)
    assert estimate.seconds(64) == 60.0
