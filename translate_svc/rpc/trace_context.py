"""A caller's trace goes on in what his call does here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import grpc

from translate_svc.telemetry import attach_trace_context


class TraceContextInterceptor(grpc.aio.ServerInterceptor):  # type: ignore[type-arg]  # generic in the stubs only
    """Takes ``traceparent`` from every call's metadata; see ``telemetry.attach_trace_context``."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        # gRPC runs the method in the context of its interceptors
        attach_trace_context(handler_call_details.invocation_metadata)
        return await continuation(handler_call_details)
