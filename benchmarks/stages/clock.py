"""Where the time of a load goes, stage by stage."""

from __future__ import annotations

import statistics
from collections import defaultdict

from translate_svc.engine.step_result import StepReport
from translate_svc.types import Stage


class StageClock:
    """Sums what the steps report.

    Attributes:
        rounds: milliseconds by stage, of each round.
        decode_steps: rows and milliseconds of every decode step since it last forgot.
    """

    def __init__(self) -> None:
        self.rounds: list[dict[str, float]] = []
        self.decode_steps: list[tuple[int, float]] = []
        self._sums: defaultdict[str, float] = defaultdict(float)

    def record_step(self, report: StepReport) -> None:
        """To be called after every step."""
        for stage in report.stages:
            self._sums[stage.stage.value] += stage.duration_ms
            if stage.stage is Stage.DECODE:
                self.decode_steps.append((stage.batch_size, stage.duration_ms))
        self._sums["between"] += report.duration_s * 1000 - sum(each.duration_ms for each in report.stages)

    def end_round(self) -> None:
        """The load is through."""
        self.rounds.append(dict(self._sums))
        self._sums.clear()

    def forget(self) -> None:
        """Starts anew."""
        self.rounds.clear()
        self.decode_steps.clear()
        self._sums.clear()

    def median_ms(self, stage: str) -> float:
        """Of the rounds, for the whole load."""
        return statistics.median(each.get(stage, 0.0) for each in self.rounds)

    def decode_ms(self, rows: int) -> list[float]:
        """Of the decode steps with so many rows."""
        return [duration_ms for count, duration_ms in self.decode_steps if count == rows]
