"""``make resume`` in minutes: real servers are killed and replaced under live calls, and nothing is lost."""

from __future__ import annotations

import pytest

from benchmarks.resume.drains import run_drains
from benchmarks.resume.kills import run_kills

pytestmark = [pytest.mark.realtime, pytest.mark.slow, pytest.mark.timeout(560)]


async def test_a_killed_server_costs_its_calls_nothing() -> None:
    """kill -9 at 12 places of live calls, in the middle of words, texts and speeches."""
    result, notes = await run_kills(points=12, calls=7)
    assert not notes
    assert (result.faults, result.samples_lost, result.different) == (0, 0, 0)
    assert result.resumptions >= 8, "calls that had just begun or ended lose nothing"
    assert result.not_compared < result.calls
    assert result.recovery_p95_ms < 30_000, "`make resume` wants 2 s, which a busy machine may exceed"


async def test_a_client_that_ignores_go_away_has_every_word_after_six_drains() -> None:
    """20 streams, made from the proto alone, that are cut in the middle of what they say, and resume."""
    result, notes = await run_drains(streams=20, drains=6, seconds=130)
    assert not notes
    assert (result.different, result.changed) == (0, 0)
    assert result.moves >= 100, "streams that ended before the last drain would show nothing"
    assert result.cut >= 20
    assert result.words >= 20 * 200
