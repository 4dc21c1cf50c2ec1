"""The model of many streams: it repeats the measurements on two cores, and the sums of its parts."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.fleet.__main__ import MAX_ERROR, breaking
from benchmarks.fleet.costs import Costs
from benchmarks.fleet.figures import figures
from benchmarks.fleet.node import Node
from benchmarks.fleet.simulation import Load, simulate
from benchmarks.fleet.streams import WINDOW_FRAMES

COSTS = Costs(
    message_us=80.0,
    cold_us=400.0,
    cold_ms=2.0,
    front_us=10.0,
    engine_us=10.0,
    relay_message_us=150.0,
    relay_event_us=1.0,
    client_us=50.0,
    detector_call_us=60.0,
    detector_frame_us=40.0,
)


def test_it_reproduces_what_was_measured() -> None:
    wrong = {figure.name: figure for figure in figures() if abs(figure.error) > MAX_ERROR}
    assert not wrong


def test_no_processor_time_is_used_twice_and_all_messages_are_handled() -> None:
    result = simulate(Load(2, (30, 30), 1.0, 2.5, fronts=True), COSTS)
    assert result.messages_a_second == pytest.approx(60 * 50, rel=0.05)
    assert 0.5 < sum(result.busy.values()) < 2.0
    assert result.percentile("handling_ms", 99) < 20


def test_a_process_that_is_full_holds_its_clients() -> None:
    """Little's law: so many messages are on their way as the windows hold."""
    costs = dataclasses.replace(COSTS, message_us=1_000.0, cold_us=0.0)
    result = simulate(Load(4, (40,), 4.0, 12.0, client_here=False), costs)
    assert result.messages_a_second == pytest.approx(1_000, rel=0.02)
    assert result.percentile("handling_ms", 50) == pytest.approx(40 * WINDOW_FRAMES, rel=0.05)


def test_more_processes_carry_more_until_the_cores_are_full() -> None:
    node = Node(cores=4)
    one, two = (breaking(COSTS, node, processes, 300) for processes in (1, 2))
    assert one["busiest_loop"] == pytest.approx(1.0, abs=0.02)
    assert float(str(one["handled_share"])) < 0.85
    assert float(str(two["handled_share"])) > 0.95
