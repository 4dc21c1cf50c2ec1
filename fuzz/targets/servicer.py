"""Whole calls in one process: methods, sessions and a scripted engine, on virtual time.

No call may end INTERNAL or UNKNOWN, hang, or leave anything behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import grpc
import numpy as np

from fuzz.byte_reader import ByteReader, number, piece
from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence, echo_script
from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.virtual_time import VirtualTimeLoop
from translate_svc.audio.codecs.table import chunk_encoder
from translate_svc.engine.request import Request
from translate_svc.rpc.call_limiter import CallLimiter
from translate_svc.rpc.interceptors import ErrorInterceptor
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.read_limiter import ReadLimiter
from translate_svc.rpc.request_reader import RequestReader
from translate_svc.rpc.servicer import SERVICE_NAME, SpeechTranslationServicer
from translate_svc.session.options import SessionOptions
from translate_svc.types import ANONYMOUS, AudioFormat, Encoding
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.v1 import speech_translation_pb2_grpc as pb_grpc

MAX_BYTES = 16_384
_METHODS = ("StreamingTranslate", "Translate")
_PAUSES_S = (0.0, 0.02, 1.0, 20.0)
_MAX_MESSAGES = 64
_LEAVES = 0xFFFF
"""A message of this length is none: the client cancels its call."""
_OPTIONS = SessionOptions(max_silence_ms=5_000)
"""An hour of silence in one message is allowed, and takes longer to hear than an input may."""


def _engine_script(request: Request) -> ScriptedRequest:
    """Every third utterance fails, each time somewhere else."""
    _House.requests += 1
    broken = (
        ScriptedSequence(fail_after_tokens=1),
        ScriptedSequence(fail_after_pieces=0),
        ScriptedSequence(deltas=()),
    )[_House.requests // 3 % 3]
    if _House.requests % 3:
        return echo_script(request)
    return ScriptedRequest(tuple(broken for _ in request.sequences), encode_fails=_House.requests % 12 == 0)


class _Methods:
    """Takes the place of a ``grpc.aio.Server`` to which a servicer is added."""

    def __init__(self) -> None:
        self.handlers: dict[str, Any] = {}

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """The same methods once more."""

    def add_registered_method_handlers(self, name: str, handlers: dict[str, Any]) -> None:
        self.handlers |= {f"/{name}/{method}": handler for method, handler in handlers.items()}


class _Details:
    """The ``grpc.HandlerCallDetails`` of a call."""

    invocation_metadata = ()

    def __init__(self, method: str) -> None:
        self.method = method


class _Context:
    """The server's side of one call, whose client has sent ``steps``: pauses, messages, its leaving."""

    def __init__(
        self, steps: list[tuple[float, bytes | None]], deserialize: Callable[[bytes], Any] | None
    ) -> None:
        self._steps = steps
        self._deserialize = deserialize
        self.status: Any = None
        self.task: asyncio.Task[None]

    async def read(self) -> Any:
        if not self._steps:
            return grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs lack it
        pause_s, data = self._steps.pop(0)
        await asyncio.sleep(pause_s)
        if data is None:
            self.task.cancel()
            await asyncio.sleep(1_000)
        return data if self._deserialize is None or data is None else self._deserialize(data)

    async def write(self, response: Any) -> None:
        response.SerializeToString()
        await asyncio.sleep(0)

    async def abort_with_status(self, status: Any) -> None:
        self.status = status
        raise grpc.aio.AbortError

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"

    def invocation_metadata(self) -> tuple[()]:
        return ()


class _House:
    """The service and its methods, once for all inputs: so leftovers of an input are found."""

    requests = 0

    def __init__(self) -> None:
        self.runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self._stack = AsyncExitStack()
        self._service: ModelFreeService = self.runner.run(
            self._stack.enter_async_context(model_free_service(_engine_script, options=_OPTIONS))
        )
        options = RpcOptions()
        reads = ReadLimiter(options.max_reads, options.max_reads_per_caller, options.config_timeout_s)
        reader = RequestReader(options, reads, lambda: self._service.check_admission(ANONYMOUS))
        calls = CallLimiter(options.max_calls, options.max_calls_per_caller)
        self._interceptor = ErrorInterceptor([SERVICE_NAME], options, reader, calls)
        methods = _Methods()
        servicer = SpeechTranslationServicer(self._service, options, reads)
        add: Callable[..., None] = pb_grpc.add_SpeechTranslationServicer_to_server
        add(servicer, methods)
        self._handlers = methods.handlers

    async def call(self, method: str, steps: list[tuple[float, bytes | None]]) -> grpc.StatusCode:
        """The status that the call ends with."""
        path = f"/{SERVICE_NAME}/{method}"

        async def continuation(_: object) -> Any:
            return self._handlers[path]

        details: Any = _Details(path)
        handler = await self._interceptor.intercept_service(continuation, details)
        context = _Context(steps, handler.request_deserializer)
        context.task = asyncio.create_task(handler.stream_stream(None, context))
        try:
            await context.task
        except grpc.aio.AbortError:
            return context.status.code  # type: ignore[no-any-return]
        except asyncio.CancelledError:
            return grpc.StatusCode.CANCELLED
        return grpc.StatusCode.OK

    def close(self) -> None:
        """Ends the service, and whatever hangs."""
        self.runner.run(self._stack.aclose())
        self.runner.close()

    def check_empty(self) -> None:
        held = self._service.held
        assert not any(held.values()), held
        tasks = {task.get_name() for task in asyncio.all_tasks(self.runner.get_loop())}
        assert not [name for name in tasks if name.startswith("session-")], tasks


_houses: list[_House] = []


def run(data: bytes) -> None:
    """A method, and then what the client does: pauses, messages, and at the end it half-closes or leaves."""
    if not _houses:
        _houses.append(_House())
    house, reader = _houses[0], ByteReader(data)
    method = _METHODS[reader.number(0, len(_METHODS) - 1)]
    steps: list[tuple[float, bytes | None]] = []
    while len(reader) and len(steps) < _MAX_MESSAGES:
        pause_s = _PAUSES_S[reader.number(0, len(_PAUSES_S) - 1)]
        length = reader.number(0, _LEAVES)
        steps.append((pause_s, None if length == _LEAVES else reader.take(length)))
    code = house.runner.run(house.call(method, steps))
    assert code not in (grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN), code
    house.check_empty()


def seeds() -> Iterator[bytes]:
    """A stream with all its messages; manual segmentation; simultaneous; packets; a text; clips."""
    audio = pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=8_000)
    targets = [pb.TargetSettings(language="es")]
    tone = np.rint(16_000 * np.sin(np.arange(8_000) * 0.5)).astype("<i2").tobytes()

    def opened(**settings: Any) -> pb.StreamingTranslateRequest:
        chosen = pb.StreamSettings(source_language="en", targets=targets, **settings)
        return pb.StreamingTranslateRequest(config=pb.StreamConfig(input=audio, settings=chosen))

    said = pb.StreamingTranslateRequest(audio=pb.AudioInput(data=tone))
    silence = pb.StreamingTranslateRequest(silence=pb.SilenceInput(samples=8_000))
    finalize = pb.StreamingTranslateRequest(finalize=pb.FinalizeInput())
    clear = pb.StreamingTranslateRequest(clear=pb.ClearInput())
    update = pb.StreamingTranslateRequest(update=pb.UpdateInput(settings=pb.StreamSettings(targets=targets)))
    ack = pb.StreamingTranslateRequest(ack=pb.AckInput(seq=3))
    end = pb.StreamingTranslateRequest(end=pb.EndInput(total_samples=24_000))
    yield _call(0, opened(), said, silence, update, said, ack, end)
    yield _call(0, opened(segmentation=pb.SEGMENTATION_MANUAL), said, finalize, clear, said, silence)
    yield _call(0, opened(simultaneous=pb.SimultaneousSettings()), said, said, silence, end)
    yield _call(1, pb.TranslateRequest(text="Good morning.", source_language="en", targets=targets))
    clip = pb.AudioClip(format=audio, data=tone)
    yield _call(1, pb.TranslateRequest(clip=clip, source_language="en", targets=targets))
    yield from _opus_calls(tone)


def _opus_calls(tone: bytes) -> Iterator[bytes]:
    """A stream of Opus packets into two languages, with all that can be inspected; and a clip of them."""
    opus = pb.AudioFormat(encoding=pb.ENCODING_OPUS, sample_rate_hz=48_000)
    samples = (np.frombuffer(tone, "<i2") / 32_768).astype(np.float32)
    packets = list(chunk_encoder(AudioFormat(Encoding.OPUS, 48_000)).encode(samples).packets)
    settings = pb.StreamSettings(
        source_language="en",
        targets=[pb.TargetSettings(language="es"), pb.TargetSettings(language="fr", speech=False)],
        include=[pb.INSPECT_TRANSCRIPT, pb.INSPECT_TOKENS, pb.INSPECT_UNITS, pb.INSPECT_TIMINGS],
    )
    messages = [pb.StreamingTranslateRequest(audio=pb.AudioInput(data=packet)) for packet in packets]
    opened = pb.StreamConfig(input=opus, output=opus, settings=settings)
    yield _call(0, pb.StreamingTranslateRequest(config=opened), *messages)
    clip = pb.AudioClip(format=opus, packets=packets)
    yield _call(
        1, pb.TranslateRequest(clip=clip, source_language="en", targets=settings.targets, output=opus)
    )


def _call(method: int, *messages: Any) -> bytes:
    parts = (number(1, 0) + piece(message.SerializeToString()) for message in messages)
    return number(method, 0) + b"".join(parts)
