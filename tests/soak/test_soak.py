"""``make soak`` in seconds: accounts to the last event; times and memory with room for a busy machine."""

from __future__ import annotations

import pytest

from benchmarks.soak.churn import run_churn
from benchmarks.soak.idle import run_idle
from benchmarks.soak.paced import run_paced

pytestmark = pytest.mark.realtime


async def test_live_streams_lose_nothing_and_are_heard_at_once() -> None:
    result = await run_paced(streams=40, seconds=2)
    assert result.frames == 40 * 100
    assert result.utterances == 40
    assert result.handling_p99_ms < 5_000


async def test_an_idle_stream_costs_little() -> None:
    result = await run_idle(streams=300)
    assert 0 < result.kilobytes_each < 150
    assert result.threads_during == result.threads_before


async def test_streams_that_come_and_go_leave_nothing() -> None:
    result = await run_churn(streams=200, warm_up=100)
    assert result.grown_bytes_each < 50_000
    assert (result.grown_descriptors, result.grown_threads) == (0, 0)
    assert result.grown_tasks <= 0
