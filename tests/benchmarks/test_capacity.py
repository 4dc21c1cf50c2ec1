"""What ``make capacity`` makes of what it has seen of callers of unlike kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.capacity.mixed import Seen, result, with_rows

PAGE = Path(__file__).parents[2] / "docs" / "reliability" / "capacity.md"


def seen() -> Seen:
    made = Seen(counts=True, capacities=[3.0, 9.0], server_lags_s=[0.0, 0.4])
    made.loads = [(10.0, 0.3), (11.0, 0.7), (12.0, 0.49)]
    made.refused = [("utterance", 9.0), ("utterance", 10.5), ("openai", 11.5), ("openai", 13.0)]
    made.opened.update(utterance=5, simultaneous=2)
    made.lags_s["utterance"] = [0.1, 0.2, 0.3]
    return made


def test_a_refusal_counts_by_the_load_that_was_seen_before_it() -> None:
    measured = result(seen(), 60.0)
    assert measured.refused == {"utterance": 2, "targets": 0, "simultaneous": 0, "openai": 2}
    assert measured.refused_below_half == {"utterance": 1, "targets": 0, "simultaneous": 0, "openai": 1}
    assert measured.engine_load == (0.5, 0.3, 0.7)
    assert measured.lag_p50_s == {"utterance": 0.2, "targets": 0.0, "simultaneous": 0.0, "openai": 0.0}


def test_its_rows_replace_those_of_the_page_and_nothing_else() -> None:
    page, measured = PAGE.read_text(), result(seen(), 60.0)
    once = with_rows(page, measured)
    assert "| 6 utterance | 5 | 2 | 1 | 0.2, 0.3 s |\n| 2 targets | 0 | 0 | 0 | 0.0, 0.0 s |\n" in once
    assert "| 3 simultaneous | 2 | 0 | 0 | 0.0, 0.0 s |\n| 2 openai | " in once
    assert "\n| all; engine 0.5 of the time, load average " in once
    assert with_rows(once, measured) == once
    heads = "| 6 utterance |", "| 2 targets |", "| 3 simultaneous |", "| 2 openai |", "| all;"
    kept = [line for line in page.splitlines() if not line.startswith(heads)]
    assert [line for line in once.splitlines() if not line.startswith(heads)] == kept
    with pytest.raises(ValueError, match="no table"):
        with_rows("an empty page", measured)
