"""A real server on loopback over scripted sessions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from tests.rpc.scripted_session import ScriptedService, ScriptedSession
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.v1 import speech_translation_pb2_grpc as pb_grpc

CONFIG = pb.StreamConfig(
    input=pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=16_000),
    settings=pb.StreamSettings(targets=[pb.TargetSettings(language="spa")]),
)
"""The least that a client may ask for."""


def request(**message: Any) -> pb.StreamingTranslateRequest:
    return pb.StreamingTranslateRequest(**message)


def audio(samples: int = 320) -> pb.StreamingTranslateRequest:
    return request(audio=pb.AudioInput(data=bytes(2 * samples)))


@pytest.fixture
def options() -> RpcOptions:
    return RpcOptions()


@pytest.fixture
def service() -> ScriptedService:
    return ScriptedService()


@pytest.fixture
async def server(service: ScriptedService, options: RpcOptions) -> AsyncIterator[RpcServer]:
    async with RpcServer(service, options) as running:
        yield running


@pytest.fixture
async def channel(server: RpcServer) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(server.target) as opened:
        yield opened


@pytest.fixture
def stub(channel: grpc.aio.Channel) -> Any:
    return pb_grpc.SpeechTranslationStub(channel)  # type: ignore[no-untyped-call]  # generated


async def open_stream(stub: Any, service: ScriptedService) -> tuple[Any, ScriptedSession]:
    """A call that has been answered ``opened``, and its session."""
    call = stub.StreamingTranslate()
    await call.write(request(config=CONFIG))
    opened = await call.read()
    assert opened.WhichOneof("event") == "opened"
    return call, service.sessions[-1]
