from __future__ import annotations

import itertools

import pytest

from tests.session.capacity.simulated_load import SLOTS, SimulatedLoad
from translate_svc.session.capacity.estimate import CapacityOptions


@pytest.mark.parametrize(
    ("cost", "activity", "live", "capacity"),
    [
        # load 0.5 = capacity * cost * activity
        (0.05, 1.0, 4, 10),
        (0.05, 0.8, 4, 12),
        (0.01, 0.8, 4, 62),
        (0.2, 0.8, 2, 3),
        (2.0, 1.0, 1, 1),  # an engine slower than speech still serves one
        (0.05, 0.1, 8, 20),  # who is silent now may speak later: half of the time counts as speech
    ],
)
def test_the_capacity_is_what_fits_under_the_target_load(
    cost: float, activity: float, live: int, capacity: int
) -> None:
    load = SimulatedLoad(cost=cost, activity=activity, live=live)
    assert load.run(240) == pytest.approx(capacity, abs=max(1, 0.05 * capacity))


@pytest.mark.parametrize("live", [2, 5, 10])
def test_the_number_of_streams_inside_makes_no_difference(live: int) -> None:
    assert SimulatedLoad(live=live, activity=0.8).run(240) in (11, 12, 13)


def test_streams_that_cost_more_and_have_left_keep_nobody_out() -> None:
    """Simultaneous translation costs four times as much. Its speech stays in the average for a minute."""
    load = SimulatedLoad(cost=0.2, relative=4.0, activity=0.8, live=3)
    assert load.run(120) in (11, 12, 13), "as many as of one text each"
    load.cost, load.relative = 0.05, 1.0
    load.published.clear()
    load.run(60)
    assert set(load.published) <= {11, 12, 13}


def test_slots_bound_it_too() -> None:
    load = SimulatedLoad(cost=0.001, slot_cost=10.0, activity=1.0, live=5)
    assert load.run(240) == pytest.approx(0.7 * SLOTS / 10, abs=1)


def test_before_anything_was_measured_the_operators_limit_counts() -> None:
    load = SimulatedLoad(CapacityOptions(target_load=0.5, max_streams=32), cost=0.5, live=0)
    assert load.run(600) == 32, "an idle server learns nothing"
    load.live = 1
    load.run(20)
    assert set(load.published) == {32}, "16 s of speech are too few to judge by"
    assert load.run(60) < 5


def test_the_first_steps_do_not_count() -> None:
    """A device loads its kernels: the first seconds of speech cost twenty times as much."""
    load = SimulatedLoad(cost=1.0, live=1, activity=1.0)
    load.run(4.5)
    load.cost = 0.05
    load.run(120)
    assert min(load.published) >= 9


def test_the_operators_limit_is_never_exceeded() -> None:
    load = SimulatedLoad(CapacityOptions(target_load=0.5, max_streams=8), cost=0.001, live=4)
    load.run(120)
    assert set(load.published) == {8}


def test_a_file_costs_no_more_than_a_speaker() -> None:
    """It is sent as fast as it is taken and keeps the engine busy, but others could come first."""
    load = SimulatedLoad(cost=0.05, live=1, speed=1_000)
    assert load.run(240) in (9, 10)


def test_noise_does_not_make_it_go_to_and_fro() -> None:
    load = SimulatedLoad(cost=0.05, noise=0.3, live=8)
    load.run(60)
    load.published.clear()
    load.run(600)
    changes = sum(one != other for one, other in itertools.pairwise(load.published))
    assert changes <= 10, "at most one change a minute"
    assert max(load.published) - min(load.published) <= 3


def test_a_burst_does_not_get_in_on_the_silence_before_it() -> None:
    """Four times as many come together. Those who have just been let in have not shown their cost yet."""
    load = SimulatedLoad(cost=0.05, activity=0.8, live=4)
    load.run(240)
    load.run(60, arrivals=lambda live: 50 - live)
    assert load.live <= 13


def test_a_machine_that_gets_slower_takes_fewer_and_recovers() -> None:
    load = SimulatedLoad(cost=0.05, activity=0.8, live=8)
    assert load.run(240) in (11, 12, 13)
    load.cost = 0.15
    assert load.run(20) <= 5
    load.cost = 0.05
    assert load.run(60) >= 10


def test_streams_that_fall_behind_shut_the_door_until_they_have_caught_up() -> None:
    load = SimulatedLoad(cost=0.02, activity=0.8, live=6)
    assert load.run(120) >= 30
    load.lag_s = 1.4
    assert load.run(30) >= 30, "not yet too late"
    load.lag_s = 2.0
    assert load.run(3) == 6, "nobody else comes in"
    load.lag_s = 1.0
    assert load.run(30) == 6, "it has not caught up"
    load.lag_s = 0.2
    assert 20 <= load.run(5) <= 28, "fewer than before, for a while"
    assert load.run(60) >= 30


def test_one_slow_moment_shuts_nothing() -> None:
    load = SimulatedLoad(live=6)
    load.run(60)
    load.lag_s = 5.0
    load.run(1)
    load.lag_s = 0.1
    load.run(10)
    assert load.estimate.keeps_up


def test_whoever_comes_first_to_a_server_that_was_behind_is_let_in() -> None:
    load = SimulatedLoad(cost=3.0, activity=1.0, live=1, lag_s=30.0)
    load.run(60)
    assert load.estimate.streams == 1
    load.live, load.lag_s = 0, 0.0
    load.run(5)
    assert load.estimate.keeps_up
    assert load.estimate.streams == 1


QUICK = CapacityOptions(max_streams=1_000)


@pytest.mark.parametrize("activity", [0.2, 0.5, 1.0])
def test_nobody_is_refused_while_the_engine_does_little(activity: float) -> None:
    """Callers come all the time. Under half load they are let in, also beyond what is right if all speak."""
    machine = SimulatedLoad(QUICK, activity=activity, live=3)
    machine.run(40)
    machine.run(240, arrivals=lambda live: 1)
    sustained = QUICK.target_load / machine.cost / max(activity, QUICK.least_activity)
    most = sustained * QUICK.open_load / QUICK.target_load
    assert machine.live == pytest.approx(most, rel=0.15), "a third of the time silent, and no more than that"
    assert machine.load <= 0.6


def test_those_who_have_just_come_count_before_they_show_in_the_load() -> None:
    """Five more each half second. Their load shows some seconds later, when a third more would be in."""
    machine = SimulatedLoad(QUICK, cost=0.005, activity=1.0, overhead=0.5, live=40)
    machine.run(60)
    for _ in range(60):
        machine.run(0.5, arrivals=lambda live: 5)
        assert machine.load <= 0.56
    assert machine.load >= 0.48


def test_the_capacity_is_back_in_the_time_in_which_the_lag_fell() -> None:
    """A machine that stands still three times; each time its lag is gone five seconds later."""
    machine = SimulatedLoad(QUICK, cost=0.002, live=40)
    before = machine.run(60)
    for _ in range(3):
        machine.lag_s = 3.0
        machine.run(4)
        assert not machine.estimate.keeps_up
        machine.lag_s = 0.0
        machine.run(5)
        assert machine.estimate.keeps_up
    machine.run(12)
    assert machine.estimate.streams >= 0.97 * before
