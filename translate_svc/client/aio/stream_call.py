"""One call of StreamingTranslate by the asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import grpc

from translate_svc import wire
from translate_svc.client.aio.final_status import FinalStatus
from translate_svc.client.options import ClientOptions
from translate_svc.client.sequence_check import stream_sequence
from translate_svc.errors import TranslateSvcError, Unavailable
from translate_svc.types import ClientMessage, EndInput, Opened, SessionEvent, StreamConfig
from translate_svc.v1 import speech_translation_pb2 as pb

T = TypeVar("T")

_CANCELLED = "the stream was cancelled"


class StreamCall:
    """Messages out, events in. One task at a time may write, and one may read.

    Every method raises the exceptions of this package. Cancelling a method cancels the call: callers that
    must not do that shield it.
    """

    def __init__(self, stub: Any, options: ClientOptions) -> None:
        self._options = options
        self._sequence = stream_sequence()
        self._call = stub.StreamingTranslate(metadata=options.metadata())
        self._final_status = FinalStatus(self._call)
        self._is_cancelled = False

    @property
    def done(self) -> bool:
        """Whether the call has ended."""
        return bool(self._call.done())

    @property
    def is_interrupted(self) -> bool:
        """Whether the call ended in a way after which another server can continue the stream."""
        return self._final_status.is_interruption

    @property
    def has_failed(self) -> bool:
        """Whether the call ended because its server failed at it."""
        return self._final_status.is_incident

    async def open(self, config: StreamConfig, timeout_s: float) -> Opened:
        """Sends ``config`` and waits for the server's first event. On an error the call is over.

        Raises:
            Unavailable: the server did not answer within ``timeout_s``.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._checked(lambda: self._call.write(wire.encode_request(config)))
                first = await self.next_event()
        except TimeoutError:
            self.cancel()
            raise Unavailable(f"the server did not answer within {timeout_s:g} s") from None
        except BaseException:
            self.cancel()
            raise
        if not isinstance(first, Opened):
            self.cancel()
            raise TranslateSvcError("the server closed the stream without opening it")
        return first

    async def write(self, message: ClientMessage) -> None:
        """Sends one message; waits while the server accepts none. ``EndInput`` ends the input."""
        request = wire.encode_request(message)
        await self._checked(lambda: self._call.write(request))
        if isinstance(message, EndInput):
            await self._checked(self._call.done_writing)

    async def next_event(self) -> SessionEvent | None:
        """The next event that this client knows, or None at the end."""
        while True:
            response = await self._checked(self._call.read)
            if not isinstance(response, pb.StreamingTranslateResponse):
                return None
            event = self._sequence.accept(response)
            if event is not None:
                return event

    def cancel(self) -> None:
        """Ends the call: gRPC never ends an abandoned one."""
        self._is_cancelled = bool(self._call.cancel()) or self._is_cancelled

    async def _checked(self, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Runs one operation of the call and converts its errors to those of this package.

        It takes a function and not a coroutine: a task that is cancelled before its first step never awaits
        its coroutine, and Python warns about every coroutine that is never awaited.
        """
        before = cancellations()
        try:
            return await start()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            # gRPC raises InvalidStateError for every operation on a call that has ended
            if cancellations() > before:
                raise asyncio.CancelledError from None  # which gRPC ignores while it waits for a status
            if self._is_cancelled:
                raise TranslateSvcError(_CANCELLED) from error
            await self._final_status.settle(self._call)
            raise self._final_status.error() or TranslateSvcError("the stream has ended") from error
        except asyncio.CancelledError:
            if cancellations():
                raise
            # the call was cancelled, not this task
            raise TranslateSvcError(_CANCELLED) from None


def cancellations() -> int:
    """How often somebody has cancelled the task that asks.

    A frame that an error refers to must not refer to its task: it would keep the call until a collection.
    """
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()
