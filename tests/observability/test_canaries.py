"""Nothing a caller said, and nothing the model answered, is in logs, metrics, spans or errors.

Canaries go into every place that a caller can fill; then everything that leaves the server beside the results
is searched for them, at DEBUG, with asyncio in debug mode and every callback of its loop logged.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.exposition import generate_latest

from tests.clips import texts
from tests.observability.test_observability import config, end, pcm, speech
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.cli.logs import JsonFormatter, log_loop_error
from translate_svc.config import Settings
from translate_svc.engine.runner.model_runner import ModelRunner
from translate_svc.observability.metrics import Metrics
from translate_svc.observability.telemetry import Tracing
from translate_svc.rpc.server import RpcServer
from translate_svc.rpc.servicer import SERVICE_NAME
from translate_svc.service import Service
from translate_svc.v1 import speech_translation_pb2 as pb

ROOT = Path(__file__).resolve().parents[2]
CANARY = "kanarienvogel"
TEXT = f"The {CANARY} is across from the park."
CLIP = pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=16_000)
MIN_WORD_LETTERS = 6
"""Of an output's words: shorter ones may be anybody's."""

pytestmark = pytest.mark.timeout(300)


def long_words(text: str) -> set[str]:
    """Those that mean nothing but themselves wherever they turn up."""
    return {word.lower() for word in re.findall(r"\w+", text) if len(word) >= MIN_WORD_LETTERS}


class Aviary:
    """A real server, and all that it has said beside its results."""

    def __init__(self, channel: grpc.aio.Channel, key: str) -> None:
        self._channel = channel
        self._key = key
        self.errors: list[str] = []
        self.codes: set[grpc.StatusCode] = set()
        self.outputs: set[str] = set()

    def metadata(self) -> list[tuple[str, str | bytes]]:
        """A canary in every kind of metadata that a call may carry."""
        return [
            ("authorization", f"Bearer {self._key}"),
            (f"x-{CANARY}", CANARY),
            ("x-canary-bin", CANARY.encode()),
            ("traceparent", CANARY),
            ("tracestate", f"{CANARY}={CANARY}"),
            ("baggage", f"{CANARY}={CANARY}"),
        ]

    async def stream(self, requests: Sequence[bytes], *, method: str = "StreamingTranslate") -> None:
        call = self._channel.stream_stream(
            f"/{SERVICE_NAME}/{method}", None, pb.StreamingTranslateResponse.FromString
        )(iter(requests), metadata=self.metadata(), timeout=60)
        await self._note(call)

    async def translate(
        self, request: bytes, *, metadata: list[tuple[str, str | bytes]] | None = None
    ) -> None:
        call = self._channel.unary_stream(
            f"/{SERVICE_NAME}/Translate", None, pb.TranslateResponse.FromString
        )(request, metadata=self.metadata() if metadata is None else metadata, timeout=60)
        await self._note(call)

    async def _note(self, call: Any) -> None:
        text = ""
        try:
            async for response in call:
                kind = response.WhichOneof("event")
                body = getattr(response, kind)
                if kind in ("transcript", "translation"):
                    text += body.delta + " " * body.final
                elif kind == "warning":
                    self.errors.append(str(body))
        except grpc.aio.AioRpcError as error:
            self.codes.add(error.code())
            self.errors += [
                str(error.details()),
                str(error.trailing_metadata()),
                error.debug_error_string() or "",
            ]
        self.outputs |= long_words(text)


@asynccontextmanager
async def aviary(
    tmp_path: Path, settings: Settings, metrics: Metrics, provider: TracerProvider
) -> AsyncIterator[Aviary]:
    key = new_key()
    keys = tmp_path / "keys"
    keys.write_text(key_line("somebody", key) + "\n", encoding="utf-8")
    async with (
        Service.start(settings, metrics=metrics, tracing=Tracing(provider)) as service,
        RpcServer(service, callers=Callers(ApiKeys(keys))) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        yield Aviary(channel, key)


class Book(logging.Handler):
    """Every record of every logger, as the server would write it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.loggers: set[str] = set()
        self.setFormatter(JsonFormatter())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))
        self.loggers.add(record.name.partition(".")[0])


@pytest.fixture
def book() -> Iterator[Book]:
    """The only handler, as the server has one alone. Libraries that other tests import may add theirs."""
    root, handler = logging.getLogger(), Book()
    before = root.handlers[:], root.level
    root.handlers[:] = [handler]
    root.setLevel(logging.DEBUG)
    yield handler
    root.handlers[:], level = before
    root.setLevel(level)


def with_canaries(message: Message) -> Iterator[Message]:
    """Copies of ``message`` with a canary in one field of text or bytes: one for each, at any depth."""
    for change in _text_fields(message.DESCRIPTOR):
        copy = type(message)()
        copy.CopyFrom(message)
        change(copy)
        yield copy


def _text_fields(descriptor: Any) -> Iterator[Callable[[Any], None]]:
    for field in descriptor.fields:
        if field.message_type is not None:
            for change in _text_fields(field.message_type):
                yield functools.partial(_change_part, field, change)
        elif field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            value = CANARY if field.type == FieldDescriptor.TYPE_STRING else CANARY.encode()
            yield functools.partial(_set, field, [value] if field.is_repeated else value)


def _set(field: FieldDescriptor, value: Any, message: Any) -> None:
    message.MergeFrom(type(message)(**{field.name: value}))


def _change_part(field: FieldDescriptor, change: Callable[[Any], None], message: Any) -> None:
    change(_part(message, field))


def _part(message: Any, field: FieldDescriptor) -> Any:
    inside = getattr(message, field.name)
    if not field.is_repeated:
        inside.SetInParent()
        return inside
    return inside[0] if len(inside) else inside.add()


def text_call(text: str = TEXT, **fields: Any) -> pb.TranslateRequest:
    targets = [pb.TargetSettings(language="spa")]
    return pb.TranslateRequest(**{"text": text, "source_language": "eng", "targets": targets, **fields})


async def say_everything(server: Aviary) -> None:
    """Speech, text, and each message with each of its fields wrong."""
    data = pcm("eng_1")
    opening = config(source_language="eng", include=list(pb.Inspect.values())[1:])
    closing = end(len(data) // 2)
    await server.stream([each.SerializeToString() for each in (opening, *speech(data), closing)])
    await server.translate(text_call().SerializeToString())
    clip = pb.TranslateRequest(
        clip=pb.AudioClip(format=CLIP, data=data), targets=[pb.TargetSettings(language="spa")]
    )
    await server.translate(clip.SerializeToString())

    for opened in with_canaries(opening):
        await server.stream([opened.SerializeToString()])
    for member in pb.StreamingTranslateRequest.DESCRIPTOR.fields:
        message = pb.StreamingTranslateRequest()
        getattr(message, member.name).SetInParent()
        for request in (message, *with_canaries(message)):
            await server.stream([opening.SerializeToString(), request.SerializeToString()])
            await server.stream([request.SerializeToString()])
    for called in (*with_canaries(text_call()), *with_canaries(clip)):
        await server.translate(called.SerializeToString())

    noise = (CANARY * 2_000).encode()
    await server.translate(
        pb.TranslateRequest(clip=pb.AudioClip(format=CLIP, data=noise)).SerializeToString()
    )
    await server.stream([CANARY.encode()])
    await server.translate(CANARY.encode())
    await server.stream([opening.SerializeToString()], method="Unknown")
    await server.translate(text_call().SerializeToString(), metadata=[("authorization", f"Bearer {CANARY}")])
    await server.translate(text_call(CANARY * 1_000).SerializeToString())
    await server.translate(text_call(f"{CANARY}\0").SerializeToString())


async def break_everything(server: Aviary, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bugs whose exceptions quote the caller: in a session, in the model, in the engine."""

    def quote(*arguments: Any, **more: Any) -> Any:
        raise ValueError(f"cannot handle {CANARY!r}")

    with monkeypatch.context() as patch:
        patch.setattr("translate_svc.session.one_shot.WholeUtterance", quote)
        await server.translate(text_call().SerializeToString())
    with monkeypatch.context() as patch:
        patch.setattr("translate_svc.service.Service.translate", quote)
        await server.translate(text_call().SerializeToString())
    with monkeypatch.context() as patch:
        patch.setattr("translate_svc.models.seamless.seamless_model.SeamlessModel.decode", quote)
        await server.translate(text_call().SerializeToString())
    with monkeypatch.context() as patch:
        patch.setattr(ModelRunner, "execute", quote)
        await server.translate(text_call().SerializeToString())
    await server.translate(text_call().SerializeToString())


async def test_no_canary_leaves_the_server_but_in_its_results(
    tmp_path: Path, book: Book, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0
    loop.set_exception_handler(log_loop_error)
    metrics, spans, provider = Metrics(), InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    settings = Settings(model=str(ROOT / "model_cache" / "starter"))
    async with aviary(tmp_path, settings, metrics, provider) as server:
        await say_everything(server)
        await break_everything(server, monkeypatch)

    codes = {code.name for code in server.codes}
    assert codes >= {
        "INVALID_ARGUMENT",
        "OUT_OF_RANGE",
        "UNAUTHENTICATED",
        "UNIMPLEMENTED",
        "INTERNAL",
        "UNAVAILABLE",
    }
    assert {"asyncio", "grpc", "translate_svc"} <= book.loggers
    assert long_words(texts("eng_1")["spa"]) <= server.outputs
    places = {
        "log": "\n".join(book.lines),
        "output": "".join(capfd.readouterr()),
        "metrics": generate_latest(metrics.registry).decode(),
        "spans": "\n".join(span.to_json() for span in spans.get_finished_spans()),
        "errors": "\n".join(server.errors),
    }
    assert places["spans"]
    for place, content in places.items():
        found = [word for word in (CANARY, *server.outputs) if word in content.lower()]
        assert not found, (
            place,
            found,
            next(line for line in content.lower().splitlines() if found[0] in line),
        )
