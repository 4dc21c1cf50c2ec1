"""When a step comes too late to be drafted."""

from __future__ import annotations

import pytest

from translate_svc.session.outbound.draft_pacer import DraftPacer

RATE_HZ, STEP_S = 16_000, 0.5

Row = tuple[float, float, float, bool]
"""Through which second of the stream was heard, when that arrived, the time now, and whether it is late."""

ROWS: list[object] = [
    pytest.param([(0.5, 10.0, 10.0, False), (1.0, 10.5, 10.5, False)], id="in time"),
    pytest.param([(0.5, 10.0, 10.0, False), (1.0, 10.5, 11.0, False)], id="just one step late"),
    pytest.param([(0.5, 10.0, 10.0, False), (1.0, 10.5, 11.1, True)], id="more than a step late"),
    pytest.param(
        [(0.5, 10.0, 10.0, False), (1.0, 10.5, 11.1, True), (1.5, 11.0, 11.2, False)],
        id="in time again",
    ),
    pytest.param(
        [(0.5, 10.0, 10.0, False), (5.0, 10.0, 11.0, False), (9.5, 10.0, 12.0, False)],
        id="a file that is sent faster than it plays is never late",
    ),
    pytest.param(
        [(0.5, 10.0, 10.0, False), (1.0, 30.0, 30.0, False), (1.5, 30.5, 30.5, False)],
        id="a pause of the sender makes nothing late",
    ),
    pytest.param([(0.5, 10.0, 12.0, False), (1.0, 10.5, 12.5, False)], id="the first step is the origin"),
]


@pytest.mark.parametrize("rows", ROWS)
def test_late(rows: list[Row]) -> None:
    pacer = DraftPacer(RATE_HZ)
    for heard_s, arrived_s, now_s, late in rows:
        assert pacer.is_late(round(heard_s * RATE_HZ), arrived_s, now_s, STEP_S) is late
