"""A real server on the tiny checkpoint, and a client that sends arbitrary bytes as messages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import grpc
from google.protobuf import message as protobuf
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status

from tests.tiny_checkpoint import build_tiny_checkpoint
from translate_svc.config import Settings
from translate_svc.rpc.server import RpcServer
from translate_svc.rpc.servicer import SERVICE_NAME
from translate_svc.service import Service
from translate_svc.v1 import speech_translation_pb2 as pb

CALL_DEADLINE_S = 20.0
IDLE_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class Pause:
    """The client waits before its next message."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Cancel:
    """The client cancels the call."""


class Message(bytes):
    """The bytes of one message. Its representation shows only the first bytes."""

    def __repr__(self) -> str:
        start = bytes(self[:60])
        return f"{len(self)} bytes {start!r}{'...' if len(self) > 60 else ''}"


Step = Message | Pause | Cancel


@dataclass(slots=True)
class Outcome:
    """The events of a call and its final status, with the details."""

    events: list[Any] = field(default_factory=list)
    code: grpc.StatusCode = grpc.StatusCode.OK
    message: str = ""
    info: Any = None
    violations: list[Any] = field(default_factory=list)
    retry: Any = None

    @property
    def field_path(self) -> str:
        """The path of the only field violation; empty if there is none."""
        assert len(self.violations) <= 1
        return self.violations[0].field if self.violations else ""


class ByteServer:
    """A service, its server, and a channel that can send bytes that no generated stub would send."""

    def __init__(self, service: Service, server: RpcServer) -> None:
        self.service = service
        self.server = server
        self._channel = grpc.insecure_channel(server.target)

    def close(self) -> None:
        self._channel.close()

    async def stream(self, steps: Iterable[Step]) -> Outcome:
        """One call of StreamingTranslate, half-closed after its last step."""
        method = self._channel.stream_stream(
            f"/{SERVICE_NAME}/StreamingTranslate",
            request_serializer=bytes,
            response_deserializer=pb.StreamingTranslateResponse.FromString,
        )
        return await asyncio.to_thread(_converse, method, list(steps))

    async def translate(self, request: bytes) -> Outcome:
        """One call of Translate."""
        method = self._channel.unary_stream(
            f"/{SERVICE_NAME}/Translate",
            request_serializer=bytes,
            response_deserializer=pb.TranslateResponse.FromString,
        )
        return await asyncio.to_thread(lambda: _outcome(method(request, timeout=CALL_DEADLINE_S)))

    def held(self) -> dict[str, int]:
        """Resources that streams hold on the server; all zero when idle."""
        load = self.service.info().load
        tasks = [task for task in asyncio.all_tasks() if task.get_name().startswith("session-")]
        return {
            "calls": self.server.live_streams,
            "admitted": load.live_streams,
            "requests": load.live_requests,
            "waiting": load.waiting_requests,
            "slots": load.busy_slots,
            "vad_places": self.service.vad_loop.open_streams,
            "tasks": len(tasks),
        }

    async def wait_until_idle(self) -> None:
        """Returns once the server holds no resources for streams."""
        deadline_s = time.monotonic() + IDLE_DEADLINE_S
        while any((held := self.held()).values()):
            assert time.monotonic() < deadline_s, held
            await asyncio.sleep(0.002)


@asynccontextmanager
async def serve_bytes(folder: Path) -> AsyncIterator[ByteServer]:
    """A real service and server, on a checkpoint with random weights that is built in ``folder``."""
    checkpoint = build_tiny_checkpoint(folder)
    async with (
        Service.start(Settings(model=str(checkpoint), max_streams=4)) as service,
        RpcServer(service) as server,
    ):
        byte_server = ByteServer(service, server)
        try:
            yield byte_server
        finally:
            byte_server.close()


def sent(message: protobuf.Message) -> Message:
    """The bytes that a generated stub would send."""
    return Message(message.SerializeToString())


def _converse(method: Callable[..., Any], steps: Sequence[Step]) -> Outcome:
    # The blocking API: grpc.aio loses a status that arrives during a write.
    began = Event()

    def requests() -> Iterator[bytes]:
        began.wait()
        for step in steps:
            match step:
                case Pause(seconds):
                    time.sleep(seconds)
                case Cancel():
                    call.cancel()
                    return
                case data:
                    yield data

    call = method(requests(), timeout=CALL_DEADLINE_S)
    began.set()
    return _outcome(call)


def _outcome(call: Any) -> Outcome:
    outcome = Outcome()
    try:
        for event in call:
            outcome.events.append(event)
    except grpc.RpcError:
        outcome.code, outcome.message = call.code(), call.details()
        # a call that was cancelled here may have the trailer of a status that came too late
        status = None if outcome.code is grpc.StatusCode.CANCELLED else rpc_status.from_call(call)
        for detail in () if status is None else status.details:
            _note(outcome, detail)
    return outcome


def _note(outcome: Outcome, detail: Any) -> None:
    for kind in (error_details_pb2.ErrorInfo, error_details_pb2.BadRequest, error_details_pb2.RetryInfo):
        if detail.Is(kind.DESCRIPTOR):
            message = kind()
            detail.Unpack(message)
            if kind is error_details_pb2.ErrorInfo:
                outcome.info = message
            elif kind is error_details_pb2.BadRequest:
                outcome.violations.extend(message.field_violations)
            else:
                outcome.retry = message
