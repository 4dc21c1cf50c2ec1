"""A task that is cancelled stays cancelled, although gRPC ignores that while it waits for a call's status."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from translate_svc.client.aio.stream_call import StreamCall
from translate_svc.client.aio.translate_call import AsyncTranslateCall
from translate_svc.client.options import ClientOptions
from translate_svc.errors import Unauthenticated
from translate_svc.types import (
    AudioFormat,
    Encoding,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TranslateRequest,
)

PCM = AudioFormat(Encoding.PCM_S16LE, 16_000)
TARGETS = (TargetSettings("spa"),)
REFUSED = (grpc.StatusCode.UNAUTHENTICATED, "the caller was revoked")


class RefusedCall:
    """A call of ``grpc.aio`` that is refused once its reader is cancelled, if it waits at all."""

    def __init__(self, *, waits: bool) -> None:
        self.reading = asyncio.Event()
        self._waits = waits
        self._callbacks: list[Callable[[Any], None]] = []

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self._callbacks.append(callback)

    async def write(self, request: object) -> None:
        pass

    async def read(self) -> object:
        self.reading.set()
        if self._waits:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
        for callback in self._callbacks:
            callback(self)
        raise grpc.aio.AioRpcError(
            REFUSED[0], grpc.aio.Metadata(), grpc.aio.Metadata(), details=REFUSED[1], debug_error_string=""
        )

    def cancel(self) -> bool:
        return False

    async def code(self) -> Any:
        return REFUSED[0]

    async def details(self) -> Any:
        return REFUSED[1]

    async def trailing_metadata(self) -> Any:
        return ()


def open_stream(call: RefusedCall) -> Awaitable[Any]:
    stub = SimpleNamespace(StreamingTranslate=lambda **options: call)
    config = StreamConfig(PCM, PCM, StreamSettings(TARGETS))
    return StreamCall(stub, ClientOptions()).open(config, 60.0)


def translate(call: RefusedCall) -> Awaitable[Any]:
    stub = SimpleNamespace(Translate=lambda request, **options: call)
    request = TranslateRequest("hello", TARGETS, PCM, "eng")
    return AsyncTranslateCall([stub], request, ClientOptions()).result()


@pytest.mark.parametrize("ask", [open_stream, translate])
async def test_a_cancellation_at_the_moment_of_a_refusal_counts(
    ask: Callable[[RefusedCall], Awaitable[Any]],
) -> None:
    call = RefusedCall(waits=True)
    asking = asyncio.ensure_future(ask(call))
    await call.reading.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize("ask", [open_stream, translate])
async def test_a_task_that_was_cancelled_before_learns_of_a_refusal(
    ask: Callable[[RefusedCall], Awaitable[Any]],
) -> None:
    """It says goodbye, for example."""

    async def clean_up() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            with pytest.raises(Unauthenticated, match="revoked"):
                await ask(RefusedCall(waits=False))

    cleaning = asyncio.create_task(clean_up())
    await asyncio.sleep(0)
    cleaning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cleaning
