"""One bad turn of the machine decides nothing, and each turn has its own windows."""

from __future__ import annotations

import pytest

from benchmarks.attacks.bystanders import Sample
from benchmarks.fairness import KINDS, _Seen, _turned, _turns, result


def _measured(at_once: int, turns_ms: list[list[float]]) -> tuple[list[Sample], _Seen]:
    """A turn of ten seconds each; the texts of others lie between the turns."""
    samples, seen = list[Sample](), _Seen()
    for number, turn_ms in enumerate(turns_ms):
        start_s = 100.0 * number + at_once / 10
        seen.windows.append((start_s, start_s + 10))
        samples += [Sample(start_s + index, ms) for index, ms in enumerate(turn_ms)]
        samples.append(Sample(start_s + 20, 60_000))
    return samples, seen


@pytest.mark.parametrize(
    ("hundred_ms", "ratio"), [([104, 104, 104], 1.04), ([900, 104, 104], 1.04), ([104, 900, 900], 9)]
)
def test_of_all_turns_the_median_counts(hundred_ms: list[float], ratio: float) -> None:
    measured_ms: list[list[float]] = [[50, 50, 50], [100, 100, 5_000], hundred_ms]
    turns = [
        _turns(kind, *_measured(kind, [[each] * 8 for each in p95_ms]))
        for kind, p95_ms in zip(KINDS, measured_ms, strict=True)
    ]
    measured = result(turns, 10, 1)
    assert measured.ratio_to_one == ratio
    assert measured.ratio_to_none == 2 * ratio
    assert [each.texts for each in turns] == [24] * 3


def test_each_kind_is_first_middle_and_last() -> None:
    orders = [_turned(KINDS, number) for number in range(3)]
    places: list[tuple[int, ...]] = list(zip(*orders, strict=True))
    assert all(set(each) == set(KINDS) for each in places)
