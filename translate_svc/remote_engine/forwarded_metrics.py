"""The metrics of a front process, which are scraped at the engine's process."""

from __future__ import annotations

from translate_svc.observability.metrics import Metrics
from translate_svc.remote_engine.messages import MetricRecord


class ForwardedMetrics(Metrics):
    """Keeps each record until it is taken, in addition to counting it here.

    So the counters of the whole server do not go back when a front process ends. What it had counted since
    its last report is lost if it is killed.
    """

    def __init__(self) -> None:
        super().__init__()
        self._records: list[MetricRecord] = []

    def add(self, metric: str, label: str, value: float) -> None:
        """Like ``Metrics.add``, and keeps a record of it."""
        super().add(metric, label, value)
        self._records.append(MetricRecord(metric, label, float(value)))

    def take(self) -> tuple[MetricRecord, ...]:
        """All records since the last call."""
        records, self._records = self._records, []
        return tuple(records)
