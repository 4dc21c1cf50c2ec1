"""Processor time belongs to the layer that used it."""

from __future__ import annotations

import asyncio
import time

import pytest

from benchmarks.message_cost.__main__ import serving
from benchmarks.message_cost.layer_clock import LayerClock
from benchmarks.message_cost.relay import measure_relay


def _work(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_a_layer_has_its_own_time_without_that_of_the_layers_in_it() -> None:
    clock = LayerClock("base")
    inner = clock.function("inner", _work)

    def around() -> None:
        _work(0.02)
        inner(0.04)
        _work(0.01)

    clock.function("outer", around)()
    _work(0.01)
    times_us = clock.times_us()
    assert times_us["outer"] == pytest.approx(30_000, rel=0.05)
    assert times_us["inner"] == pytest.approx(40_000, rel=0.05)
    assert times_us["base"] == pytest.approx(10_000, rel=0.2)
    assert clock.entries() == {"outer": 1, "inner": 1}


async def test_a_coroutine_has_the_time_of_its_steps_and_none_of_its_waits() -> None:
    clock = LayerClock("base")

    async def one(name: str) -> str:
        _work(0.01)
        await asyncio.sleep(0.05)
        _work(0.01)
        return name

    async def failing() -> None:
        await asyncio.sleep(0)
        raise ValueError("as it should")

    counted = {name: clock.coroutine(name, one) for name in ("a", "b")}
    assert await asyncio.gather(*(counted[name](name) for name in counted)) == ["a", "b"]
    with pytest.raises(ValueError, match="as it should"):
        await clock.coroutine("failing", failing)()
    times_us = clock.times_us()
    assert times_us["a"] == pytest.approx(20_000, rel=0.1)
    assert times_us["b"] == pytest.approx(20_000, rel=0.1)
    assert clock.entries()["a"] == 2


def test_what_the_clock_costs_is_taken_out() -> None:
    """In one of five rounds: a processor that others use changes its speed within a round."""
    assert any(_cost_left() < 0.2 for _ in range(5))


def _cost_left() -> float:
    """What the clock charges for nothing, as a share of all that was spent."""
    clock = LayerClock("base")
    clock.calibrate()
    nothing = clock.function("nothing", lambda: None)
    before_s = time.thread_time()
    for _ in range(50_000):
        nothing()
    spent_us = 1e6 * (time.thread_time() - before_s)
    return abs(clock.times_us()["nothing"]) / spent_us


@pytest.mark.realtime
async def test_the_layers_of_a_server_add_up_to_its_event_loop() -> None:
    """Times depend on the machine. The sum does not."""
    async with serving("one", probed=True) as server:
        await server.load(streams=4, seconds=2.0)
        cost = server.cost(4, server)
    assert cost.messages == 4 * 100
    loop_us = cost.threads_us["event loop"] + cost.threads_us.get("event loop, kernel", 0.0)
    assert 0.5 < sum(cost.layers_us.values()) / loop_us < 1.1, "what probes cost is not in the layers"
    for layer, entries in (("audio conversion", 1.0), ("parse", 2.0), ("gRPC: read", 2.0)):
        assert cost.entries[layer] == pytest.approx(entries, rel=0.1)


@pytest.mark.realtime
async def test_a_message_to_a_front_process_costs_more_than_an_event_in_it() -> None:
    cost = await measure_relay(messages=20, rounds=2)
    assert 1 < cost.message_us < 5_000
    assert cost.event_us < cost.message_us
