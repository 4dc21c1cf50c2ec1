"""Traces: off unless the environment asks, exported over OTLP where it does."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from translate_svc.engine.events import StageSpan
from translate_svc.errors import InvalidArgument
from translate_svc.observability.telemetry import Tracing, attach_trace_context
from translate_svc.session.observer import UtteranceReport
from translate_svc.types import SampleRange, StageTiming, Usage, UtteranceDone, UtteranceStatus

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def report(status: UtteranceStatus = UtteranceStatus.OK) -> UtteranceReport:
    return UtteranceReport(
        UtteranceDone(3, SampleRange(0, 16_000), status, Usage(source_ms=1_000)),
        source_language=None,
        target_languages=("spa",),
        timings=(StageTiming("encode", 20.0, 4),),
        spans=(StageSpan("encode", 10.0, 10.5),),
        began_s=9.5,
        ended_s=11.0,
    )


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4317", "OTEL_SDK_DISABLED": "true"},
    ],
)
def test_nothing_is_traced_unless_it_is_asked_for(environment: dict[str, str]) -> None:
    assert Tracing.from_environment(environment) is None


def test_without_traces_nothing_of_opentelemetry_is_imported() -> None:
    program = (
        "import sys; import translate_svc.service, translate_svc.rpc.server\n"
        "import translate_svc.observability.accounting\n"
        "from translate_svc.observability.telemetry import Tracing\n"
        "assert Tracing.from_environment({}) is None\n"
        "sys.exit(any(name.partition('.')[0] == 'opentelemetry' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_traces_without_the_extra_are_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(
        InvalidArgument, match=r"^OTEL_TRACES_EXPORTER: .*pip install 'translate-svc\[otel\]'$"
    ):
        Tracing.from_environment({"OTEL_TRACES_EXPORTER": "otlp"})


def test_an_unknown_exporter_is_one_clear_line() -> None:
    with pytest.raises(InvalidArgument, match=r"^OTEL_TRACES_EXPORTER: .*not installed$"):
        Tracing.from_environment({"OTEL_TRACES_EXPORTER": "smoke-signals"})


@pytest.fixture
async def collector() -> AsyncIterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """An OTLP collector over HTTP: its address, and what it got."""
    received: list[ExportTraceServiceRequest] = []

    async def take(request: web.Request) -> web.Response:
        received.append(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", received
    await runner.cleanup()


async def test_spans_reach_a_collector_as_the_environment_says(
    collector: tuple[str, list[ExportTraceServiceRequest]], monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint, received = collector
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    tracing = Tracing.from_environment()
    assert tracing is not None
    tracing.open_stream("s1").record_utterance(report(UtteranceStatus.FAILED))
    await asyncio.to_thread(tracing.shutdown)

    (resource,) = (each for request in received for each in request.resource_spans)
    names = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert names["service.name"] == "translate-svc"
    spans = {span.name: span for scope in resource.scope_spans for span in scope.spans}
    assert spans.keys() == {"utterance", "encode"}
    utterance, encode = spans["utterance"], spans["encode"]
    assert encode.parent_span_id == utterance.span_id
    assert utterance.end_time_unix_nano - utterance.start_time_unix_nano == pytest.approx(1.5e9, abs=1e3)
    assert encode.start_time_unix_nano - utterance.start_time_unix_nano == pytest.approx(0.5e9, abs=1e3)
    assert utterance.status.code == utterance.status.STATUS_CODE_ERROR


def test_a_collector_that_does_not_answer_holds_no_server_back(caplog: pytest.LogCaptureFixture) -> None:
    class Silent(SpanExporter):
        ended = threading.Event()

        def export(self, _: Sequence[ReadableSpan]) -> SpanExportResult:
            self.ended.wait()
            return SpanExportResult.FAILURE

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(Silent()))
    tracing = Tracing(provider)
    tracing.open_stream("s").record_utterance(report())
    began_s = time.monotonic()
    try:
        tracing.shutdown()
        assert time.monotonic() - began_s < 20  # the SDK waits for 30 s
        assert "the last spans are lost" in caplog.text
    finally:
        Silent.ended.set()


def test_the_operator_names_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "translate-eu")
    tracing = Tracing.from_environment({"OTEL_TRACES_EXPORTER": "console"})
    assert tracing is not None
    assert tracing._provider.resource.attributes["service.name"] == "translate-eu"
    tracing.shutdown()


@pytest.mark.parametrize(
    "value", ["", "the caller's secret", PARENT.upper(), PARENT + "\n", f"{PARENT} x", b"\x00", "00-zz-zz-01"]
)
def test_what_is_no_traceparent_is_not_taken(value: str | bytes) -> None:
    assert _adopted([("traceparent", value), ("tracestate", "k=v"), ("baggage", "k=v")]) == ""


def test_a_traceparent_is_taken() -> None:
    assert _adopted([("user-agent", "x"), ("traceparent", PARENT)]) == PARENT


def _adopted(call_metadata: list[tuple[str, str | bytes]]) -> str:
    context = contextvars.copy_context()
    context.run(attach_trace_context, call_metadata)
    return next((value for name, value in context.items() if name.name == "traceparent"), "")
