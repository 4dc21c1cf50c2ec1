"""What happens around every call of this package's service."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError, Message

from translate_svc.errors import InvalidArgument, TranslateSvcError
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.status import fail

Behaviour: TypeAlias = "Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[Any]]"


class ErrorInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Turns whatever a method raises into a status. Methods are coroutines; they write with the context.

    Bytes that are no message become an exception, which is raised here where the request is an argument, and
    otherwise is what ``context.read`` returns: gRPC itself would answer UNKNOWN.
    Calls of other services (health, reflection) pass untouched.
    """

    def __init__(self, service_name: str, options: RpcOptions) -> None:
        self._prefix = f"/{service_name}/"
        self._options = options

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        handler = await continuation(handler_call_details)
        if handler is None or not handler_call_details.method.startswith(self._prefix):
            return handler
        # of the four behaviours a handler has, the one of its kind is set
        kinds = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
        kind = next(kind for kind in kinds if getattr(handler, kind) is not None)
        make_handler = getattr(grpc, f"{kind}_rpc_method_handler")
        return make_handler(
            self._guarded(getattr(handler, kind), reads_on=kind == "stream_stream"),
            request_deserializer=_deserializer(handler.request_deserializer),
            response_serializer=handler.response_serializer,
        )

    def _guarded(self, behaviour: Behaviour, *, reads_on: bool = False) -> Behaviour:
        async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            try:
                if isinstance(request, TranslateSvcError):
                    raise request
                return await behaviour(request, context)
            except (asyncio.CancelledError, grpc.aio.AbortError):
                # a swallowed cancellation leaks the call's memory (grpc#43360)
                raise
            except Exception as error:
                if reads_on:
                    await _read_on(context, self._options)
                await fail(context, error, self._options.abort_timeout_s)

        return guarded


async def _read_on(context: grpc.aio.ServicerContext[Any, Any], options: RpcOptions) -> None:
    """Takes and drops what the client still sends, until it pauses.

    A status that meets a ``write`` of a ``grpc.aio`` client reaches its program as INTERNAL, "Internal error
    from Core". Bounded in time and in bytes: a client that does not pause is answered all the same.
    """
    left_bytes = options.discard_limit_bytes
    with contextlib.suppress(TimeoutError, grpc.aio.BaseError):
        async with asyncio.timeout(options.discard_timeout_s):
            while left_bytes > 0:
                async with asyncio.timeout(options.discard_idle_s):
                    request = await context.read()
                if request is grpc.aio.EOF:  # type: ignore[attr-defined]  # the stubs lack it
                    return
                left_bytes -= request.ByteSize() if isinstance(request, Message) else 0


def _deserializer(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """``deserialize``, which returns an ``InvalidArgument`` where it would raise."""

    def deserializer(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return InvalidArgument("the bytes are no message of the contract")

    return deserializer
