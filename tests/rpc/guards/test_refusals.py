"""A refusal reaches a client that keeps writing; and a client that never pauses is refused all the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from tests.rpc.conftest import CONFIG, audio, open_stream, request
from tests.rpc.scripted_session import ScriptedService, ScriptedSession
from translate_svc.errors import InvalidArgument
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.v1 import speech_translation_pb2_grpc as pb_grpc

pytestmark = pytest.mark.realtime

CALLS = 30
INVALID = grpc.StatusCode.INVALID_ARGUMENT


@pytest.fixture
def options() -> RpcOptions:
    """No client here pauses for so long, also on a busy machine."""
    return RpcOptions(discard_idle_s=3, discard_timeout_s=60)


async def write_on(call: Any, messages: int) -> grpc.StatusCode:
    """How a call ends whose client sends ``messages`` more chunks of 20 ms, then reads."""
    try:
        for _ in range(messages):
            await call.write(audio())
        await call.read()
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        pass
    code: grpc.StatusCode = await call.code()
    return code


@pytest.mark.parametrize("messages", [5, 100])
async def test_a_client_that_writes_behind_its_config_sees_why_it_is_refused(
    stub: Any, service: ScriptedService, messages: int
) -> None:
    """A plain ``grpc.aio`` client. Without the discarding of its input it gets INTERNAL."""
    service.refusal = InvalidArgument("must name a language", field="config.settings.targets")

    async def write_all() -> grpc.StatusCode:
        call = stub.StreamingTranslate()
        await call.write(request(config=CONFIG))
        return await write_on(call, messages)

    assert Counter(await asyncio.gather(*(write_all() for _ in range(CALLS)))) == {INVALID: CALLS}


async def test_so_does_one_whose_stream_fails_later(stub: Any, service: ScriptedService) -> None:
    """Also where the stream was reading when it failed: gRPC then says that the input has ended."""
    opened = [await open_stream(stub, service) for _ in range(CALLS)]

    async def fail(call: Any, session: ScriptedSession) -> grpc.StatusCode:
        session.say(InvalidArgument("is wrong", field="silence.samples"))
        return await write_on(call, 50)

    assert Counter(await asyncio.gather(*(fail(*each) for each in opened))) == {INVALID: CALLS}


@pytest.fixture
async def brisk() -> AsyncIterator[tuple[RpcServer, ScriptedService]]:
    service = ScriptedService()
    service.refusal = InvalidArgument("must name a language", field="config.settings.targets")
    # no client pauses for so long, so only the bounds end the discarding
    options = RpcOptions(discard_idle_s=60, discard_timeout_s=0.2, discard_limit_bytes=64 * 1024)
    async with RpcServer(service, options) as server:
        yield server, service


async def test_a_client_that_never_pauses_is_refused_all_the_same(
    brisk: tuple[RpcServer, ScriptedService],
) -> None:
    server, _ = brisk
    async with grpc.aio.insecure_channel(server.target) as channel:
        stub: Any = pb_grpc.SpeechTranslationStub(channel)  # type: ignore[no-untyped-call]  # generated
        call = stub.StreamingTranslate(endless())
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await asyncio.wait_for(anext(aiter(call)), 60)
        assert ended.value.code() in (INVALID, grpc.StatusCode.INTERNAL)


async def endless() -> AsyncIterator[Any]:
    yield request(config=CONFIG)
    while True:
        yield audio()
        await asyncio.sleep(0)


class TestAClientThatWaits:
    @pytest.fixture
    def options(self) -> RpcOptions:
        return RpcOptions(discard_timeout_s=60)

    async def test_is_refused_without_a_half_close(self, stub: Any, service: ScriptedService) -> None:
        """Its pause ends the discarding."""
        service.refusal = InvalidArgument("must name a language", field="config.settings.targets")
        call = stub.StreamingTranslate()
        await call.write(request(config=CONFIG))
        async with asyncio.timeout(30):
            assert await call.code() is INVALID
