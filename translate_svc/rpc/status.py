"""Exceptions -> gRPC statuses with google.rpc details."""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import Any, NoReturn

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status

from translate_svc.errors import (
    DataLoss,
    EngineLost,
    InvalidArgument,
    OutOfRange,
    ResourceExhausted,
    StreamTimeout,
    TranslateSvcError,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from translate_svc.tracebacks import anonymous_traceback

DOMAIN = "translate_svc"
"""``google.rpc.ErrorInfo.domain`` of every status that this package makes."""

_log = logging.getLogger(__name__)


# The first class that matches counts: subclasses before their bases.
_CODES: tuple[tuple[type[TranslateSvcError], grpc.StatusCode, str], ...] = (
    (OutOfRange, grpc.StatusCode.OUT_OF_RANGE, "OUT_OF_RANGE"),
    (InvalidArgument, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    (Unsupported, grpc.StatusCode.UNIMPLEMENTED, "UNSUPPORTED"),
    (Unauthenticated, grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"),
    (ResourceExhausted, grpc.StatusCode.RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED"),
    (Unavailable, grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE"),
    (EngineLost, grpc.StatusCode.UNAVAILABLE, "ENGINE_LOST"),
    (DataLoss, grpc.StatusCode.DATA_LOSS, "DATA_LOSS"),
    (StreamTimeout, grpc.StatusCode.DEADLINE_EXCEEDED, "STREAM_TIMEOUT"),
)


def code_of(error: BaseException | None) -> grpc.StatusCode:
    """The code that a caller gets of ``error``; OK for none, CANCELLED for his own leaving."""
    if error is None:
        return grpc.StatusCode.OK
    if isinstance(error, asyncio.CancelledError):
        return grpc.StatusCode.CANCELLED
    return next((code for kind, code, _ in _CODES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)


def status_of(error: BaseException) -> status_pb2.Status:
    """The status that tells a caller of ``error``.

    What is not the caller's business becomes INTERNAL with an incident id. Under that id the log has the type
    of the exception and where it was raised, never its message: that might hold what a caller said.
    """
    for kind, code, reason in _CODES:
        if isinstance(error, kind):
            return _status(code, str(error), _details(error, reason))
    incident_id = secrets.token_hex(8)
    _log.error("incident %s: %s", incident_id, anonymous_traceback(error))
    info = error_details_pb2.ErrorInfo(
        reason="INTERNAL", domain=DOMAIN, metadata={"incident_id": incident_id}
    )
    return _status(grpc.StatusCode.INTERNAL, f"internal error, incident {incident_id}", [info])


async def fail(
    context: grpc.aio.ServicerContext[Any, Any], error: BaseException, timeout_s: float
) -> NoReturn:
    """Ends the call with the status of ``error``.

    The status cannot leave while the client's window is shut. After ``timeout_s`` the call is given up; that
    resets its HTTP/2 stream, which the client sees as CANCELLED.

    Raises:
        grpc.aio.AbortError: the status has left.
        asyncio.CancelledError: it could not, or the call was cancelled meanwhile.
    """
    status = status_of(error)
    try:
        async with asyncio.timeout(timeout_s):
            # grpc-stubs lacks abort_with_status
            await context.abort_with_status(rpc_status.to_status(status))  # type: ignore[attr-defined]
    except (TimeoutError, grpc.aio.InternalError):
        # the latter when the call's first response has not left yet
        raise asyncio.CancelledError from None
    raise AssertionError("abort_with_status returned")


def _details(error: TranslateSvcError, reason: str) -> list[Message]:
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN)]
    if error.field:
        violation = error_details_pb2.BadRequest.FieldViolation(
            field=error.field, description=error.description
        )
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if isinstance(error, ResourceExhausted):
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(round(error.retry_after_s * 1000))
        details.append(retry)
    return details


def _status(code: grpc.StatusCode, message: str, details: list[Message]) -> status_pb2.Status:
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in details:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status
