from __future__ import annotations

import random

import pytest

from translate_svc.engine.batch_costs import BatchCosts
from translate_svc.types import Stage


def work_share(fixed_ms: float, item_ms: float, *, most_items: int, noise: float = 0.0) -> float:
    """The share of the time that counts as work in the last tenth of many steps."""
    costs, chance = BatchCosts(), random.Random(1)
    total_ms = work_ms = 0.0
    for step in range(2_000):
        items = chance.randint(1, most_items)
        duration_ms = (fixed_ms + item_ms * items) * (1 + chance.uniform(-noise, noise))
        work = costs.work_ms(Stage.DECODE, items, duration_ms)
        if step >= 1_800:
            total_ms, work_ms = total_ms + duration_ms, work_ms + work
    return work_ms / total_ms


@pytest.mark.parametrize(
    ("fixed_ms", "item_ms", "share"),
    [(0, 5, 1.0), (20, 0, 0.05), (8.5, 1, 0.5), (25.5, 1, 0.25)],
    ids=["a CPU: each row costs", "a GPU: rows are free", "half", "a quarter"],
)
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_work_is_what_grows_with_the_batch(
    fixed_ms: float, item_ms: float, share: float, noise: float
) -> None:
    assert work_share(fixed_ms, item_ms, most_items=16, noise=noise) == pytest.approx(share, abs=0.1)


def test_without_batches_of_several_sizes_all_time_is_work() -> None:
    assert work_share(20, 0, most_items=1) == 1.0


def test_stages_are_told_apart() -> None:
    costs = BatchCosts()
    for items in (1, 9) * 100:
        costs.work_ms(Stage.DECODE, items, 20.0)
    assert costs.work_ms(Stage.DECODE, 9, 20.0) < 3
    assert costs.work_ms(Stage.ENCODE, 9, 20.0) == 20.0
