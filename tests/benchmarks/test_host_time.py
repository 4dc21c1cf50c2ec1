"""The host's time of a decode step: every step that counts decodes all rows, and more rows cost more."""

from __future__ import annotations

import pytest

from benchmarks.host_time import step_us


@pytest.mark.timeout(300)
@pytest.mark.slow
def test_more_rows_cost_more() -> None:
    few, many = step_us(1, rounds=1), step_us(32, rounds=1)
    assert 0 < few < many
