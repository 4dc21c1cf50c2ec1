"""Measures what one more item costs in a step. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from translate_svc.types import Stage

_MEMORY_STEPS = 200
_LEAST_SHARE = 0.05
"""No item is free: at least this share of a step's time counts as work."""
_CERTAIN_VARIANCE = 0.5
"""With this variance of the batch sizes the fit counts half. Without any variance nothing can be told apart,
and all time counts as work.
"""


@dataclass(slots=True)
class _Sums:
    """Sums over a stage's steps; old steps count less and less."""

    steps: float = 0.0
    items: float = 0.0
    ms: float = 0.0
    items_squared: float = 0.0
    items_ms: float = 0.0

    def add(self, items: int, ms: float) -> None:
        keep = 1 - 1 / _MEMORY_STEPS
        self.steps = keep * self.steps + 1
        self.items = keep * self.items + items
        self.ms = keep * self.ms + ms
        self.items_squared = keep * self.items_squared + items * items
        self.items_ms = keep * self.items_ms + items * ms

    @property
    def work_share(self) -> float:
        """The share of the time that grows with the number of items, 0.05 to 1.

        It is the slope of the line through (items, milliseconds), times the mean number of items. A busy
        machine makes steps slow and batches large at the same time. That makes the slope too steep, so the
        error is on the safe side.
        """
        if not self.steps or not self.ms:
            return 1.0
        mean_items, mean_ms = self.items / self.steps, self.ms / self.steps
        variance = self.items_squared / self.steps - mean_items**2
        if variance < 1e-6:
            return 1.0
        slope = (self.items_ms / self.steps - mean_items * mean_ms) / variance
        share = min(1.0, max(_LEAST_SHARE, slope * mean_items / mean_ms))
        certainty = variance / (variance + _CERTAIN_VARIANCE)
        return certainty * share + (1 - certainty)


class BatchCosts:
    """Splits the time of each stage into a fixed part and work.

    The fixed part does not depend on the batch: a step of a GPU takes about as long for 16 rows as for one.
    More streams do not add to it. Work grows with the number of items, so it tells how much more fits.
    """

    def __init__(self) -> None:
        self._sums = {stage: _Sums() for stage in Stage}

    def work_ms(self, stage: Stage, items: int, duration_ms: float) -> float:
        """Records that a stage took ``duration_ms`` for ``items`` items. Returns the milliseconds of work."""
        sums = self._sums[stage]
        sums.add(items, duration_ms)
        return duration_ms * sums.work_share
