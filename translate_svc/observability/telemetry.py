"""Traces: one span per utterance, with its stages as children.

OpenTelemetry is the extra ``otel``. It is imported only if its ``OTEL_*`` variables ask for traces.
Attributes are names, counts and times, never text or audio.
"""

from __future__ import annotations

import logging
import os
import re
import threading
import time
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from importlib import metadata
from typing import TYPE_CHECKING

from translate_svc.errors import InvalidArgument
from translate_svc.session.observer import UtteranceReport
from translate_svc.types import UtteranceStatus

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

_log = logging.getLogger(__name__)
_NAME = "translate_svc"
_LAST_EXPORT_S = 3.0
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")

_traceparent: ContextVar[str] = ContextVar("traceparent", default="")


def attach_trace_context(call_metadata: Iterable[tuple[str, str | bytes]]) -> None:
    """Takes ``traceparent`` (W3C Trace Context) from a call's metadata, as parent of the spans of this task
    and its children. ``tracestate`` and baggage are ignored: they may contain anything.
    """
    traceparent = ""
    for name, value in call_metadata:
        if name == "traceparent" and isinstance(value, str) and _TRACEPARENT.fullmatch(value):
            traceparent = value
    # a task may serve several requests of one connection, each with its own parent or none
    _traceparent.set(traceparent)


class Tracing:
    """Creates the spans of one process. A background thread exports them."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer(_NAME, metadata.version("translate-svc"))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Tracing | None:
        """Tracing with the exporter that ``OTEL_TRACES_EXPORTER`` names, or with OTLP if an endpoint is set.

        None if neither variable is set, or if they disable tracing.

        The SDK reads its own variables for sampler, resource, protocol, headers and batching.

        Raises:
            InvalidArgument: the extra or the exporter is not installed. Names the variable.
        """
        asking = [name for name in ("OTEL_TRACES_EXPORTER", *_ENDPOINTS) if environment.get(name)]
        exporters = environment.get("OTEL_TRACES_EXPORTER") or "otlp"
        disabled = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
        if not asking or disabled or exporters == "none":
            return None
        try:
            from opentelemetry.sdk.resources import OTELResourceDetector, Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ModuleNotFoundError:
            message = "asks for traces: pip install 'translate-svc[otel]'"
            raise InvalidArgument(message, field=asking[0]) from None
        name = Resource({"service.name": "translate-svc"}).merge(OTELResourceDetector().detect())
        provider = TracerProvider(resource=Resource.create().merge(name))
        for each in exporters.split(","):
            provider.add_span_processor(BatchSpanProcessor(_exporter(each.strip(), environment, asking[0])))
        return cls(provider)

    def open_stream(self, session_id: str) -> StreamTrace:
        """The trace of a stream or call that starts now. Its parent is the caller's span."""
        return StreamTrace(self, session_id, _traceparent.get())

    def export(self, report: UtteranceReport, session_id: str, parent: Context, epoch_ns: int) -> None:
        """Exports the span of one utterance and those of its stages.

        ``epoch_ns``: Unix time at the zero of the report's clock.
        """
        from opentelemetry.trace import SpanKind, StatusCode, set_span_in_context

        def wall(at_s: float) -> int:
            return epoch_ns + round(at_s * 1e9)

        span = self._tracer.start_span(
            "utterance",
            parent,
            SpanKind.SERVER,
            _attributes(report, session_id),
            start_time=wall(report.began_s),
        )
        if report.done.status is UtteranceStatus.FAILED:
            span.set_status(StatusCode.ERROR)
        timings = {timing.stage: timing for timing in report.timings}
        inside = set_span_in_context(span)
        for stage in report.spans:
            timing = timings[stage.stage]
            attributes = {
                f"{_NAME}.busy_ms": timing.duration_ms,
                f"{_NAME}.batch_size": timing.batch_size,
            }
            child = self._tracer.start_span(
                stage.stage, inside, attributes=attributes, start_time=wall(stage.started_s)
            )
            child.end(wall(stage.ended_s))
        span.end(wall(report.ended_s))

    def shutdown(self) -> None:
        """Exports the remaining spans. What a collector does not take within 3 s is lost."""
        # the SDK gives a collector that is away ten seconds for each batch, and takes no shorter limit
        ending = threading.Thread(target=self._provider.shutdown, name="last-spans", daemon=True)
        ending.start()
        ending.join(_LAST_EXPORT_S)
        if ending.is_alive():
            _log.warning("the last spans are lost: no collector took them within %.0f s", _LAST_EXPORT_S)


class StreamTrace:
    """The spans of one stream's utterances."""

    def __init__(self, tracing: Tracing, session_id: str, traceparent: str) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._tracing = tracing
        self._session_id = session_id
        self._parent = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
        self._epoch_ns = time.time_ns() - time.monotonic_ns()

    def record_utterance(self, report: UtteranceReport) -> None:
        """Exports the spans of an utterance that has ended."""
        self._tracing.export(report, self._session_id, self._parent, self._epoch_ns)


def _attributes(report: UtteranceReport, session_id: str) -> dict[str, str | int | float | tuple[str, ...]]:
    done = report.done
    attributes: dict[str, str | int | float | tuple[str, ...] | None] = {
        "session_id": session_id,
        "utterance_id": done.utterance_id,
        "status": done.status.value,
        "source_language": report.source_language,
        "target_languages": report.target_languages,
        "source_start_sample": done.source.start,
        "source_end_sample": done.source.end,
        "source_ms": done.usage.source_ms,
        "text_tokens": done.usage.text_tokens,
        "speech_ms": done.usage.speech_ms,
        "end_to_first_text_ms": done.end_to_first_text_ms,
        "end_to_first_audio_ms": done.end_to_first_audio_ms,
    }
    return {f"{_NAME}.{name}": value for name, value in attributes.items() if value is not None}


def _exporter(name: str, environment: Mapping[str, str], variable: str) -> SpanExporter:
    """The exporter that is installed under ``name``.

    Raises:
        InvalidArgument: there is none. Names ``variable``.
    """
    if name == "otlp":
        protocol = next((environment[each] for each in _PROTOCOLS if environment.get(each)), "grpc")
        name = "otlp_proto_http" if protocol.startswith("http") else "otlp_proto_grpc"
    found = metadata.entry_points(group="opentelemetry_traces_exporter", name=name)
    if not found:
        raise InvalidArgument("names an exporter of traces that is not installed", field=variable)
    exporter: SpanExporter = next(iter(found)).load()()
    return exporter
