"""Lines of the log as a metric: what an operator has to look at is noticed without reading the log."""

from __future__ import annotations

import logging

from translate_svc.observability.metrics import Metrics


class CountedLog(logging.Handler):
    """Counts each warning and error that it is given, by level; debug and info are not counted."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(logging.WARNING)
        self._metrics = metrics

    def emit(self, record: logging.LogRecord) -> None:
        """Called by ``logging``, on any thread."""
        self._metrics.record_logged(record.levelname.lower())
