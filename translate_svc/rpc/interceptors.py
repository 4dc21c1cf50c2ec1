"""Error handling around every call of the services that this package implements."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import Message

from translate_svc.errors import InvalidArgument
from translate_svc.rpc.call_limiter import CallLimiter
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.peer import find_peer
from translate_svc.rpc.request_reader import RequestReader, parse
from translate_svc.rpc.status import abort

_AGAIN_S = 0.002

Behaviour: TypeAlias = "Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[Any]]"


class ErrorInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Turns every exception of a method into a status. Methods must be coroutines that write with a context.

    Bytes that are not a valid message become an ``InvalidArgument``; gRPC itself would send UNKNOWN. In a
    method with a stream of requests, ``context.read`` returns it. A single request is read by
    ``RequestReader``, also for health checks. Streams of other services (reflection) are bounded, and
    otherwise not changed. All calls hold one of ``calls``.
    """

    def __init__(
        self, service_names: Iterable[str], options: RpcOptions, reader: RequestReader, calls: CallLimiter
    ) -> None:
        """``service_names``: of the services whose methods write with their context."""
        self._prefixes = tuple(f"/{name}/" for name in service_names)
        self._options = options
        self._reader = reader
        self._calls = calls

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None:
            return None
        if single := handler.unary_unary or handler.unary_stream:
            # a handler of streams fits these calls too, and leaves it to us when the message is read
            answers_once = handler.unary_unary is not None
            behaviour = self._reading(method, single, handler.request_deserializer, answers_once=answers_once)
            return grpc.stream_stream_rpc_method_handler(
                self._guarded(behaviour), response_serializer=handler.response_serializer
            )
        if not method.startswith(self._prefixes):
            return grpc.stream_stream_rpc_method_handler(
                self._bounded(handler.stream_stream),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        return grpc.stream_stream_rpc_method_handler(
            self._guarded(handler.stream_stream, discards_input=True),
            request_deserializer=_deserializer(handler.request_deserializer),
            response_serializer=handler.response_serializer,
        )

    def _reading(
        self, method: str, behaviour: Behaviour, deserialize: Callable[[bytes], Any], *, answers_once: bool
    ) -> Behaviour:
        """A method with one request, as one that reads it itself."""

        async def read_and_answer(requests: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            del requests  # the context reads
            # no variable holds the message: a refused call is freed late, in a cycle of its own frames
            answer = await behaviour(await self._reader.read(method, deserialize, context), context)
            if answers_once:
                await context.write(answer)

        return read_and_answer

    def _bounded(self, behaviour: Callable[..., AsyncIterator[Any]]) -> Behaviour:
        """A method that yields its responses, as one that writes them with its context."""

        async def write_all(requests: Any, context: grpc.aio.ServicerContext[Any, Any]) -> None:
            async for response in behaviour(requests, context):
                await context.write(response)

        return self._guarded(write_all)

    def _guarded(self, behaviour: Behaviour, *, discards_input: bool = False) -> Behaviour:
        async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            try:
                with self._calls.hold(find_peer(context, self._options.peer_header)):
                    return await behaviour(request, context)
            except (asyncio.CancelledError, grpc.aio.AbortError):
                # a swallowed cancellation leaks the call's memory (grpc#43360)
                raise
            except Exception as error:
                traceback.clear_frames(error.__traceback__)  # they hold the message, and the error lives on
                if discards_input:
                    await _discard_input(context, self._options)
                await abort(context, error, self._options.abort_timeout_s)

        return guarded


async def _discard_input(context: grpc.aio.ServicerContext[Any, Any], options: RpcOptions) -> None:
    """Reads and discards what the client still sends, until it pauses.

    If a status arrives during a ``write`` of a ``grpc.aio`` client, the client gets INTERNAL, "Internal error
    from Core" instead. The discarding is bounded in time and in bytes, for clients that never pause.
    """
    left_bytes = options.discard_limit_bytes
    with contextlib.suppress(TimeoutError, grpc.aio.BaseError):
        async with asyncio.timeout(options.discard_timeout_s):
            while left_bytes > 0:
                async with asyncio.timeout(options.discard_idle_s):
                    request = await _read_on(context)
                left_bytes -= request.ByteSize() if isinstance(request, Message) else 0


async def _read_on(context: grpc.aio.ServicerContext[Any, Any]) -> Any:
    """The next message; waits for ever after the last one.

    The stream has cancelled its own read. gRPC continues the cancelled read until a message comes. Meanwhile
    it tells every other read that the input has ended.
    """
    while True:
        request = await context.read()
        if request is not grpc.aio.EOF:  # type: ignore[attr-defined]  # the stubs lack it
            return request
        await asyncio.sleep(_AGAIN_S)


def _deserializer(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """``deserialize``, but it returns an ``InvalidArgument`` instead of raising."""

    def deserializer(data: bytes) -> Any:
        try:
            return parse(data, deserialize)
        except InvalidArgument as error:
            return error.with_traceback(None)

    return deserializer
