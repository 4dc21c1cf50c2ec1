"""The benchmark of the HTTP server measures what it says."""

from __future__ import annotations

import pytest

from benchmarks.gateway import run


@pytest.mark.realtime
async def test_a_short_run_counts_every_message() -> None:
    """Times depend on the machine. These bounds only say that something was measured."""
    result = await run(utterances=5, streams=4, seconds=2.0)
    assert (result.utterances, result.streams, result.messages) == (5, 4, 4 * 50)
    assert 20 < result.grpc_p50_ms < 2_000, "the engine takes 20 ms"
    assert 20 < result.websocket_p50_ms < 2_000
    assert 0 < result.handling_p50_ms <= result.handling_p99_ms <= result.handling_max_ms < 5_000
    assert 0 < result.cpu_us < 50_000
