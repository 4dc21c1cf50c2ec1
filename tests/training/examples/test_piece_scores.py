"""Counts of words that are settled, found and invented."""

from __future__ import annotations

import pytest

from training.starter.examples.piece_scores import PieceCounts, piece_counts, total, without_prefix


@pytest.mark.parametrize(
    ("written", "settled", "rest", "counts"),
    [
        pytest.param("", "", "a b", PieceCounts(0, 0, 0, 0), id="nothing, rightly"),
        pytest.param("a b", "a b", "c", PieceCounts(2, 2, 2, 0), id="all of it"),
        pytest.param("a", "a b", "c", PieceCounts(2, 1, 1, 0), id="too little"),
        pytest.param("a b c", "a b", "c d", PieceCounts(2, 3, 2, 0), id="early, not invented"),
        pytest.param("a b x y", "a b", "c d", PieceCounts(2, 4, 2, 2), id="invented"),
        pytest.param("a x b", "a b", "", PieceCounts(2, 3, 2, 1), id="a word too many"),
        pytest.param("e", "", "a b c d e", PieceCounts(0, 1, 0, 1), id="far ahead is invented"),
    ],
)
def test_counts(written: str, settled: str, rest: str, counts: PieceCounts) -> None:
    assert piece_counts(written, settled, rest) == counts


def test_rates_of_all_pieces() -> None:
    counts = total([PieceCounts(4, 3, 2, 1), PieceCounts(0, 2, 0, 0)])
    assert counts.found_rate == 0.5
    assert counts.invented_rate == 0.2
    assert PieceCounts().found_rate == 1.0
    assert PieceCounts().invented_rate == 0.0


def test_a_prefix_is_counted_in_words() -> None:
    assert without_prefix("Ich will Tee.", "Ich will") == "Tee."
    assert without_prefix("Ich", "") == "Ich"
