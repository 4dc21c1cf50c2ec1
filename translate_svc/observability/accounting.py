"""Accounting of streams and calls: metrics, spans, and one log line at the end of each."""

from __future__ import annotations

import asyncio
import logging
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence

from translate_svc.observability.labels import UNKNOWN_LANGUAGE, UTTERANCE_STATUSES, error_cause
from translate_svc.observability.metrics import Metrics
from translate_svc.observability.telemetry import StreamTrace, Tracing
from translate_svc.session.observer import UtteranceReport
from translate_svc.types import Caller, CallOutcome

_MEDIAN_OF = 1_000
_log = logging.getLogger("translate_svc.stream")


class Accounting:
    """Opens one record per stream or call. All records share the metrics and the tracing."""

    def __init__(self, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self.metrics = metrics
        self._tracing = tracing

    def open(
        self,
        kind: str,
        session_id: str,
        caller: Caller,
        charge: Callable[[Caller, float], None] | None = None,
    ) -> StreamRecord:
        """A record for a stream or call that starts now. ``kind`` (``stream`` or ``call``) is logged.

        ``charge`` is told at the end how many seconds of audio the caller has sent.
        """
        trace = None if self._tracing is None else self._tracing.open_stream(session_id)
        charges = [] if charge is None else [charge, self.record_audio]
        return StreamRecord(kind, session_id, caller, self.metrics, trace, charges)

    def record_audio(self, caller: Caller, seconds: float) -> None:
        """Counts audio that ``caller`` has sent, if it has a class."""
        if caller.class_name:
            self.metrics.add("caller_audio_s", caller.class_name, seconds)


class StreamRecord:
    """The ``StreamObserver`` of one stream or call. Its medians cover the last 1000 utterances."""

    def __init__(
        self,
        kind: str,
        session_id: str,
        caller: Caller,
        metrics: Metrics,
        trace: StreamTrace | None,
        charges: Sequence[Callable[[Caller, float], None]] = (),
    ) -> None:
        self._kind = kind
        self._session_id = session_id
        self._caller = caller
        self._metrics = metrics
        self._trace = trace
        self._charges = charges
        self._began_s = time.monotonic()
        self._utterances: Counter[str] = Counter()
        self._first_text_ms: deque[float] = deque(maxlen=_MEDIAN_OF)
        self._first_audio_ms: deque[float] = deque(maxlen=_MEDIAN_OF)
        self._ended = False

    def utterance_done(self, report: UtteranceReport) -> None:
        """Records an utterance that has ended: metrics and spans."""
        done = report.done
        self._utterances[done.status.value] += 1
        self._metrics.record_utterances(done.status.value)
        if report.heard_language is not None:
            self._metrics.record_language(report.heard_language or UNKNOWN_LANGUAGE)
        if done.end_to_first_text_ms is not None:
            self._first_text_ms.append(done.end_to_first_text_ms)
            self._metrics.record_first_text(done.end_to_first_text_ms / 1000)
        if done.end_to_first_audio_ms is not None:
            self._first_audio_ms.append(done.end_to_first_audio_ms)
            self._metrics.record_first_audio(done.end_to_first_audio_ms / 1000)
        for timing in report.timings:
            self._metrics.record_stage(timing.stage, timing.duration_ms / 1000)
        if self._trace is not None:
            self._trace.record_utterance(report)

    def utterances_dropped(self, count: int) -> None:
        """Records utterances without an end: their stream ended first."""
        self._utterances["dropped"] += count
        self._metrics.record_utterances("dropped", count)

    def warned(self, code: str) -> None:
        """Records a warning to the client."""
        self._metrics.record_warning(code)

    def ended(self, end: CallOutcome, *, complete: bool | None, input_s: float) -> None:
        """Records the end of the stream, and logs it. Calls after the first do nothing."""
        if self._ended:
            return
        self._ended = True
        for charge in self._charges if input_s > 0 else ():
            charge(self._caller, input_s)
        cause = _cause(end.error, complete)
        self._metrics.record_closed(cause)
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
    has_left = isinstance(error, asyncio.CancelledError | ConnectionError)  # a write may find out first
    if has_left or (error is None and complete is None):
        return "cancelled"
    if error is not None:
        return error_cause(error)
    return "complete" if complete else "half_closed"


def _median(values: deque[float]) -> float | None:
    return round(statistics.median(values), 1) if values else None
