"""What an operator sees of real streams, over gRPC on the starter: metrics, spans, the line in the log."""

from __future__ import annotations

import asyncio
import logging
import statistics
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import pytest_asyncio
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from translate_svc.audio.files import read_audio
from translate_svc.config import Settings
from translate_svc.observability.labels import CLOSE_CAUSES, PREFIX
from translate_svc.observability.metrics import Metrics
from translate_svc.observability.telemetry import Tracing
from translate_svc.rpc.server import RpcServer
from translate_svc.service import Service
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.v1 import speech_translation_pb2_grpc as pb_grpc

# the timeout counts the loading of the model, which takes its time on a busy machine
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

TRACE_ID, CALLER_SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
ROOT = Path(__file__).resolve().parents[2]
STAGES = ["endpointing", "encode", "decode", "text_to_unit", "vocode"]
S16 = pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=16_000)


@dataclass
class Sight:
    stub: Any
    metrics: Metrics
    spans: InMemorySpanExporter
    service: Service

    def value(self, name: str, **labels: str) -> float:
        value = self.metrics.registry.get_sample_value(PREFIX + name, labels)
        assert value is not None, name
        return value

    async def at_rest(self) -> None:
        """A client learns the end of its call before the server has recorded it."""
        async with asyncio.timeout(10):
            while self._open_books() or self.value("requests_live"):  # noqa: ASYNC110 - they have no event
                await asyncio.sleep(0.01)

    def _open_books(self) -> float:
        closed = sum(self.value("streams_closed_total", cause=cause) for cause in CLOSE_CAUSES)
        return self.value("streams_admitted_total") - closed


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running() -> AsyncIterator[Sight]:
    metrics, spans = Metrics(), InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    settings = Settings(model=str(ROOT / "model_cache" / "starter"), max_streams=2)
    async with (
        Service.start(settings, metrics=metrics, tracing=Tracing(provider)) as service,
        RpcServer(service) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        stub = pb_grpc.SpeechTranslationStub(channel)  # type: ignore[no-untyped-call]  # generated
        yield Sight(stub, metrics, spans, service)


@pytest.fixture
def sight(running: Sight, caplog: pytest.LogCaptureFixture) -> Sight:
    caplog.set_level(logging.INFO, "translate_svc")
    running.spans.clear()
    return running


class Change:
    """How much metrics have grown since it was made."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._before: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {
            (sample.name, tuple(sample.labels.items())): sample.value
            for family in sight.metrics.registry.collect()
            for sample in family.samples
        }

    def __call__(self, name: str, **labels: str) -> float:
        return self._sight.value(name, **labels) - self._before[PREFIX + name, tuple(labels.items())]


def pcm(name: str) -> bytes:
    samples, _ = read_audio(ROOT / "tests" / "data" / f"{name}.flac")
    return np.rint(samples * 32_767).astype("<i2").tobytes()


def config(language: str = "spa", **settings: Any) -> pb.StreamingTranslateRequest:
    chosen = pb.StreamSettings(targets=[pb.TargetSettings(language=language)], **settings)
    return pb.StreamingTranslateRequest(config=pb.StreamConfig(input=S16, settings=chosen))


def speech(data: bytes) -> Iterable[pb.StreamingTranslateRequest]:
    for start in range(0, len(data), 32_000):
        yield pb.StreamingTranslateRequest(audio=pb.AudioInput(data=data[start : start + 32_000]))


def end(total_samples: int) -> pb.StreamingTranslateRequest:
    return pb.StreamingTranslateRequest(end=pb.EndInput(total_samples=total_samples))


async def converse(
    sight: Sight, requests: Iterable[pb.StreamingTranslateRequest], **call: Any
) -> list[pb.StreamingTranslateResponse]:
    answers = [answer async for answer in sight.stub.StreamingTranslate(iter(requests), **call)]
    await sight.at_rest()
    return answers


def ended(caplog: pytest.LogCaptureFixture) -> dict[str, Any]:
    """The fields of the only line that the log has at INFO and above."""
    (record,) = (each for each in caplog.records if each.levelno >= logging.INFO)
    assert (record.name, record.getMessage()) == ("translate_svc.stream", "stream ended")
    fields: dict[str, Any] = record.fields  # type: ignore[attr-defined]
    return fields


async def test_a_stream_is_counted_and_logged_as_its_client_saw_it(
    sight: Sight, caplog: pytest.LogCaptureFixture
) -> None:
    change, data = Change(sight), pcm("eng_1") + bytes(32_000) + pcm("eng_1")
    answers = await converse(sight, [config(source_language="eng"), *speech(data), end(len(data) // 2)])
    done = [each.utterance_done for each in answers if each.HasField("utterance_done")]
    usage = answers[-1].closed.usage
    assert len(done) == usage.utterances == 2

    assert change("streams_admitted_total") == change("streams_closed_total", cause="complete") == 1
    assert change("utterances_total", status="ok") == 2
    assert change("end_to_first_text_seconds_count") == change("end_to_first_audio_seconds_count") == 2
    first_text_ms = [each.end_to_first_text_ms for each in done]
    assert change("end_to_first_text_seconds_sum") == pytest.approx(sum(first_text_ms) / 1000)
    for stage in STAGES:
        assert change("stage_seconds_count", stage=stage) == 2, stage
    assert change("stage_seconds_sum", stage="endpointing") > 0.2, "the silence that ends an utterance"
    steps = change("engine_steps_total")
    assert change("step_seconds_count") == steps > 0
    assert 0 < change("batch_size_count", stage="decode") <= steps
    assert change("text_tokens_total") == usage.text_tokens > 0
    assert change("source_seconds_total") == pytest.approx(usage.source_ms / 1000, abs=0.01)
    assert change("speech_seconds_total") == pytest.approx(usage.speech_ms / 1000, abs=0.01)
    assert sight.value("streams_active") == sight.value("slots_busy") == 0

    line = ended(caplog)
    assert line["session_id"] == answers[0].opened.session_id
    assert (line["kind"], line["caller"]) == ("stream", "anonymous")
    assert (line["status"], line["cause"]) == ("OK", "complete")
    assert line["input_s"] == pytest.approx(len(data) / 32_000, abs=0.001)
    assert (line["utterances_ok"], line["utterances_failed"], line["utterances_dropped"]) == (2, 0, 0)
    assert line["bytes_out"] == sum(each.ByteSize() for each in answers)
    assert line["first_text_ms"] == pytest.approx(statistics.median(first_text_ms), abs=0.1)
    assert line["first_audio_ms"] >= line["first_text_ms"]


async def test_every_utterance_is_a_span_under_its_callers_with_its_stages_below(sight: Sight) -> None:
    data = pcm("eng_1") + bytes(32_000) + pcm("eng_1")
    traced = (("traceparent", f"00-{TRACE_ID}-{CALLER_SPAN_ID}-01"),)
    answers = await converse(
        sight, [config(source_language="eng"), *speech(data), end(len(data) // 2)], metadata=traced
    )
    spans = sight.spans.get_finished_spans()
    utterances = [span for span in spans if span.name == "utterance"]
    assert len(utterances) == 2
    for number, (span, done) in enumerate(
        zip(
            utterances,
            (each.utterance_done for each in answers if each.HasField("utterance_done")),
            strict=True,
        )
    ):
        assert span.parent is not None
        assert (f"{span.parent.trace_id:032x}", f"{span.parent.span_id:016x}") == (TRACE_ID, CALLER_SPAN_ID)
        stages = [each for each in spans if each.parent is not None and each.parent.span_id == _id(span)]
        assert [stage.name for stage in stages] == STAGES
        _check_times(span, stages)
        attributes = {
            name.removeprefix(PREFIX.rstrip("_") + "."): v for name, v in (span.attributes or {}).items()
        }
        assert attributes["session_id"] == answers[0].opened.session_id
        assert (attributes["utterance_id"], attributes["status"]) == (number, "ok")
        assert (attributes["source_language"], attributes["target_languages"]) == ("eng", ("spa",))
        assert (attributes["source_start_sample"], attributes["source_end_sample"]) == (
            done.source.start,
            done.source.end,
        )
        assert attributes["text_tokens"] == done.usage.text_tokens
        assert attributes["end_to_first_text_ms"] == done.end_to_first_text_ms


def _id(span: ReadableSpan) -> int:
    assert span.context is not None
    return int(span.context.span_id)


def _check_times(span: ReadableSpan, stages: list[ReadableSpan]) -> None:
    """Stages begin one after the other and lie within their utterance; all of it is now, by the clock."""
    starts = [stage.start_time or 0 for stage in stages]
    assert starts == sorted(starts)
    assert span.start_time == starts[0]
    for stage in stages:
        assert stage.start_time is not None
        assert stage.end_time is not None
        assert span.end_time is not None
        assert stage.start_time <= stage.end_time <= span.end_time
        assert stage.attributes is not None
        busy_ms = stage.attributes["translate_svc.busy_ms"]
        assert isinstance(busy_ms, float)
        assert busy_ms <= (stage.end_time - stage.start_time) / 1e6 + 0.1


async def test_a_text_is_a_call_without_endpointing(sight: Sight, caplog: pytest.LogCaptureFixture) -> None:
    change = Change(sight)
    request = pb.TranslateRequest(
        text="Where is the station?",
        source_language="eng",
        targets=[pb.TargetSettings(language="spa")],
    )
    answers = [answer async for answer in sight.stub.Translate(request)]
    await sight.at_rest()
    assert answers
    assert change("stage_seconds_count", stage="endpointing") == 0
    assert change("stage_seconds_count", stage="vocode") == 1
    assert change("streams_closed_total", cause="complete") == 1
    line = ended(caplog)
    assert (line["kind"], line["input_s"], line["utterances_ok"]) == ("call", 0, 1)
    spans = sight.spans.get_finished_spans()
    (root,) = (span for span in spans if span.name == "utterance")
    assert root.parent is None
    assert {span.name for span in spans} == {"utterance", "encode", "decode", "text_to_unit", "vocode"}


async def test_silence_is_an_empty_utterance_and_a_warning(sight: Sight) -> None:
    change = Change(sight)
    requests = [
        config(segmentation=pb.SEGMENTATION_MANUAL),
        pb.StreamingTranslateRequest(silence=pb.SilenceInput(samples=16_000)),
        end(16_000),
    ]
    await converse(sight, requests)
    assert change("utterances_total", status="empty") == 1
    assert change("warnings_total", code="no_speech") == 1
    assert change("end_to_first_text_seconds_count") == 0


async def test_a_client_that_leaves_drops_what_was_begun(
    sight: Sight, caplog: pytest.LogCaptureFixture
) -> None:
    change = Change(sight)
    call = sight.stub.StreamingTranslate()
    await call.write(config(segmentation=pb.SEGMENTATION_MANUAL))
    for each in speech(pcm("eng_1")):
        await call.write(each)
    while (answer := await call.read()) and not answer.HasField("speech_started"):
        pass
    assert sight.value("streams_active") == 1
    assert sight.value("streams_capacity") == 2
    call.cancel()
    await sight.at_rest()
    assert change("streams_closed_total", cause="cancelled") == 1
    assert change("utterances_total", status="dropped") == 1
    line = ended(caplog)
    assert (line["status"], line["cause"], line["utterances_dropped"]) == ("CANCELLED", "cancelled", 1)


async def test_who_is_not_let_in_is_counted_by_cause(sight: Sight, caplog: pytest.LogCaptureFixture) -> None:
    change = Change(sight)
    for refused in (config("ita"), end(0)):
        with pytest.raises(grpc.aio.AioRpcError):
            await converse(sight, [refused])
    assert change("rejected_total", cause="invalid_argument") == 2

    calls = [sight.stub.StreamingTranslate() for _ in range(2)]
    for call in calls:
        await call.write(config())
        assert (await call.read()).HasField("opened")
    with pytest.raises(grpc.aio.AioRpcError):
        [answer async for answer in sight.stub.StreamingTranslate(iter([config()]))]
    for call in calls:
        call.cancel()
    await sight.at_rest()
    assert change("rejected_total", cause="resource_exhausted") == 1
    assert change("streams_admitted_total") == change("streams_closed_total", cause="cancelled") == 2
    assert len(caplog.records) == 2, "who is not let in is a number, not a line of the log"
