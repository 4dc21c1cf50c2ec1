"""The benchmark of front processes measures what it says."""

from __future__ import annotations

import pytest

from benchmarks.fronts.__main__ import run


@pytest.mark.realtime
async def test_a_short_run_asks_both_servers_the_same() -> None:
    """Times depend on the machine. These bounds only say that something was measured."""
    result = await run(front_processes=2, utterances=3, streams=4, seconds=2.0, rounds=1, full_s=0)
    assert [each.front_processes for each in result.rounds] == [1, 2]
    assert [each.messages for each in result.rounds] == [4 * 100, 8 * 100], "as many a process"
    assert all(20 < each < 5_000 for each in (*result.first_text_p50_ms, *result.first_text_p95_ms))
    assert all(-50 < each.answer_p50_ms <= each.answer_p99_ms < 5_000 for each in result.rounds)
    assert all(0 < each.cpu_us < 50_000 for each in result.rounds)
    assert result.cost_ratios == [result.cost_ratio]
    assert result.full is None
