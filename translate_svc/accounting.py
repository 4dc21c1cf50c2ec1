"""The books of one stream or call: metrics, spans, and the one line of the log when it has ended."""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from collections import Counter, deque

from translate_svc.metrics import UTTERANCE_STATUSES, Metrics, error_cause
from translate_svc.session.observer import UtteranceReport
from translate_svc.telemetry import StreamTrace, Tracing
from translate_svc.types import CallEnd, Caller

_MEDIAN_OF = 1_000
_log = logging.getLogger("translate_svc.stream")


class Accounting:
    """Where the books of all streams are kept."""

    def __init__(self, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self.metrics = metrics
        self._tracing = tracing

    def open(self, kind: str, session_id: str, caller: Caller) -> StreamRecord:
        """For a stream or call that begins now; ``kind``, ``stream`` or ``call``, is for the log."""
        trace = None if self._tracing is None else self._tracing.stream(session_id)
        return StreamRecord(kind, session_id, caller, self.metrics, trace)


class StreamRecord:
    """A ``StreamObserver``. The medians are over the last thousand utterances."""

    def __init__(
        self, kind: str, session_id: str, caller: Caller, metrics: Metrics, trace: StreamTrace | None
    ) -> None:
        self._kind = kind
        self._session_id = session_id
        self._caller = caller
        self._metrics = metrics
        self._trace = trace
        self._began_s = time.monotonic()
        self._utterances: Counter[str] = Counter()
        self._first_text_ms: deque[float] = deque(maxlen=_MEDIAN_OF)
        self._first_audio_ms: deque[float] = deque(maxlen=_MEDIAN_OF)
        self._over = False

    def utterance_done(self, report: UtteranceReport) -> None:
        """See ``StreamObserver``."""
        done = report.done
        self._utterances[done.status.value] += 1
        self._metrics.utterance(done.status.value)
        if done.end_to_first_text_ms is not None:
            self._first_text_ms.append(done.end_to_first_text_ms)
            self._metrics.end_to_first_text.observe(done.end_to_first_text_ms / 1000)
        if done.end_to_first_audio_ms is not None:
            self._first_audio_ms.append(done.end_to_first_audio_ms)
            self._metrics.end_to_first_audio.observe(done.end_to_first_audio_ms / 1000)
        for timing in report.timings:
            self._metrics.stage(timing.stage, timing.duration_ms / 1000)
        if self._trace is not None:
            self._trace.utterance(report)

    def utterances_dropped(self, count: int) -> None:
        """See ``StreamObserver``."""
        self._utterances["dropped"] += count
        self._metrics.utterance("dropped", count)

    def warned(self, code: str) -> None:
        """See ``StreamObserver``."""
        self._metrics.warn(code)

    def ended(self, end: CallEnd, *, complete: bool | None, input_s: float) -> None:
        """See ``StreamObserver``."""
        if self._over:
            return
        self._over = True
        cause = _cause(end.error, complete)
        self._metrics.close(cause)
        fields = {
            "kind": self._kind,
            "session_id": self._session_id,
            "caller": self._caller.name,
            "status": end.status or None,
            "cause": cause,
            "duration_s": round(time.monotonic() - self._began_s, 3),
            "input_s": round(input_s, 3),
            **{f"utterances_{status}": self._utterances[status] for status in UTTERANCE_STATUSES},
            "bytes_out": end.bytes_out,
            "first_text_ms": _median(self._first_text_ms),
            "first_audio_ms": _median(self._first_audio_ms),
        }
        _log.info("stream ended", extra={"fields": {k: v for k, v in fields.items() if v is not None}})


def _cause(error: BaseException | None, complete: bool | None) -> str:
    if isinstance(error, asyncio.CancelledError) or (error is None and complete is None):
        return "cancelled"
    if error is not None:
        return error_cause(error)
    return "complete" if complete else "half_closed"


def _median(values: deque[float]) -> float | None:
    return round(statistics.median(values), 1) if values else None
