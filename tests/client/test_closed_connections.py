"""A client that is closed leaves no connection, also before Python's collector looks for cycles."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import numpy as np
import pytest
import pytest_asyncio

from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.model_free_service import model_free_service
from translate_svc.client import AsyncClient
from translate_svc.client.aio.stream import AsyncStream
from translate_svc.engine.request import Request
from translate_svc.errors import InvalidArgument
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.types import Samples, StreamSettings, TargetSettings

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
RATE_HZ = 16_000
STREAMS = 3
Use = Callable[[AsyncStream], Awaitable[None]]
SAID = np.concatenate([np.full(RATE_HZ, 0.5, np.float32), np.zeros(RATE_HZ, np.float32)])


def _script(request: Request) -> ScriptedRequest:
    return ScriptedRequest(tuple(ScriptedSequence(("hola",)) for _ in request.sequences))


@pytest_asyncio.fixture
async def target() -> AsyncIterator[str]:
    async with (
        model_free_service(_script) as service,
        RpcServer(service, RpcOptions(address="127.0.0.1:0")) as server,
    ):
        yield server.target


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def _sockets() -> int:
    count = 0
    for number in os.listdir("/proc/self/fd"):
        try:
            count += os.readlink(f"/proc/self/fd/{number}").startswith("socket:")
        except FileNotFoundError:  # that of the listing itself
            continue
    return count


async def _hear_to_the_end(stream: AsyncStream) -> None:
    stream.feed([SAID])
    async for _ in stream:
        pass


async def _leave(stream: AsyncStream) -> None:
    """In the middle of a feed without end."""

    async def speech() -> AsyncIterator[Samples]:
        while True:
            yield SAID
            await asyncio.sleep(0.01)

    stream.feed(speech())
    await anext(stream)
    await anext(stream)


async def _fail(stream: AsyncStream) -> None:
    await stream.update(StreamSettings((TargetSettings("no language"),)))
    with pytest.raises(InvalidArgument):
        async for _ in stream:
            pass


async def _raise(stream: AsyncStream) -> None:
    def broken() -> Iterator[Samples]:
        yield SAID
        raise LookupError

    stream.feed(broken())
    with pytest.raises(LookupError):
        async for _ in stream:
            pass


async def _stream(target: str, use: Use, *, resume: bool) -> None:
    async with (
        AsyncClient([target]) as client,
        client.stream(targets=["es"], sample_rate_hz=RATE_HZ, resume=resume) as stream,
    ):
        await use(stream)


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("resume", [False, True], ids=["one call", "resumed"])
@pytest.mark.parametrize("use", [_hear_to_the_end, _leave, _fail, _raise])
async def test_a_stream_that_is_over_holds_no_connection(target: str, use: Use, resume: bool) -> None:
    await _stream(target, use, resume=resume)  # gRPC's own sockets, which stay
    gc.collect()
    await asyncio.sleep(0.2)
    before = _sockets()
    for _ in range(STREAMS):
        await _stream(target, use, resume=resume)
    async with asyncio.timeout(10):
        while _sockets() > before:  # noqa: ASYNC110 - gRPC closes it by itself, and tells nobody
            await asyncio.sleep(0.05)
