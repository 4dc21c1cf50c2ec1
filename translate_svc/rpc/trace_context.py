"""Makes the spans of a call part of its caller's trace."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from translate_svc.observability.telemetry import attach_trace_context


class TraceContextInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Takes ``traceparent`` from every call's metadata, as the parent of the call's spans."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        # gRPC runs the method in the context of its interceptors
        attach_trace_context(handler_call_details.invocation_metadata)
        return await continuation(handler_call_details)
