"""Error handling around every call of this package's service."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError, Message

from translate_svc.errors import InvalidArgument, TranslateSvcError
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.status import abort

Behaviour: TypeAlias = "Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Awaitable[Any]]"


class ErrorInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Turns every exception of a method into a status. Methods must be coroutines that write with a context.

    Bytes that are not a valid message become an ``InvalidArgument``; gRPC itself would send UNKNOWN. In a
    method with one request the interceptor raises it. In a method with a stream of requests, ``context.read``
    returns it. Calls of other services (health, reflection) are not changed.
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
        # a handler has a field for each of the four kinds of methods; only one of them is set
        kinds = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
        kind = next(kind for kind in kinds if getattr(handler, kind) is not None)
        make_handler = getattr(grpc, f"{kind}_rpc_method_handler")
        return make_handler(
            self._guarded(getattr(handler, kind), discards_input=kind == "stream_stream"),
            request_deserializer=_deserializer(handler.request_deserializer),
            response_serializer=handler.response_serializer,
        )

    def _guarded(self, behaviour: Behaviour, *, discards_input: bool = False) -> Behaviour:
        async def guarded(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            try:
                if isinstance(request, TranslateSvcError):
                    raise request
                return await behaviour(request, context)
            except (asyncio.CancelledError, grpc.aio.AbortError):
                # a swallowed cancellation leaks the call's memory (grpc#43360)
                raise
            except Exception as error:
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
                    request = await context.read()
                if request is grpc.aio.EOF:  # type: ignore[attr-defined]  # the stubs lack it
                    return
                left_bytes -= request.ByteSize() if isinstance(request, Message) else 0


def _deserializer(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """``deserialize``, but it returns an ``InvalidArgument`` instead of raising."""

    def deserializer(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return InvalidArgument("the bytes are not a message of the contract")

    return deserializer
