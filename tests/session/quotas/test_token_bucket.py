"""The bucket's arithmetic, without a clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate_svc.session.quotas.token_bucket import TokenBucket


def test_another_shape_forgives_nothing() -> None:
    bucket = TokenBucket(1, 60, now_s=0)
    bucket.take(50, 0)
    bucket.reshape(2, 100, 0)
    assert bucket.level(0) == 50
    assert bucket.level(10) == 70
    bucket.reshape(2, 40, 10)
    assert bucket.level(10) == 10


@given(
    rate=st.floats(0.01, 100),
    capacity=st.floats(1, 1_000),
    takes=st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50)), max_size=50),
)
def test_whoever_stops_when_it_is_empty_takes_no_more_than_rate_and_capacity(
    rate: float, capacity: float, takes: list[tuple[float, float]]
) -> None:
    bucket, now_s, taken, last = TokenBucket(rate, capacity, 0), 0.0, 0.0, 0.0
    for pause_s, wanted in takes:
        now_s += pause_s
        if bucket.level(now_s) > 0:
            bucket.take(wanted, now_s)
            taken, last = taken + wanted, wanted
        assert taken - last <= (capacity + rate * now_s) * (1 + 1e-9) + 1e-6
        assert bucket.level(now_s) <= capacity


@pytest.mark.parametrize("pause_s", [0.0, 1.0, 60.0])
def test_waiting_as_long_as_it_says_is_enough(pause_s: float) -> None:
    bucket = TokenBucket(1.5, 90, now_s=0)
    bucket.take(200, pause_s)
    wait_s = bucket.wait_s(22.5, pause_s)
    assert bucket.level(pause_s + wait_s) == pytest.approx(22.5)
