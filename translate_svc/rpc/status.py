"""Turns exceptions into gRPC statuses with google.rpc details."""

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
    PermissionDenied,
    ResourceExhausted,
    StreamTimeout,
    Superseded,
    TranslateSvcError,
    TranslationFailed,
    Unauthenticated,
    Unavailable,
    Unsupported,
    shortage_of,
)
from translate_svc.observability.tracebacks import anonymous_traceback

DOMAIN = "translate_svc"
"""``google.rpc.ErrorInfo.domain`` of every status that this package makes."""

_log = logging.getLogger(__name__)


# The first class that matches counts, so subclasses come before their bases.
_CODES: tuple[tuple[type[TranslateSvcError], grpc.StatusCode, str], ...] = (
    (OutOfRange, grpc.StatusCode.OUT_OF_RANGE, "OUT_OF_RANGE"),
    (InvalidArgument, grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT"),
    (Unsupported, grpc.StatusCode.UNIMPLEMENTED, "UNSUPPORTED"),
    (Unauthenticated, grpc.StatusCode.UNAUTHENTICATED, "UNAUTHENTICATED"),
    (PermissionDenied, grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED"),
    (ResourceExhausted, grpc.StatusCode.RESOURCE_EXHAUSTED, "RESOURCE_EXHAUSTED"),
    (Unavailable, grpc.StatusCode.UNAVAILABLE, "UNAVAILABLE"),
    (EngineLost, grpc.StatusCode.UNAVAILABLE, "ENGINE_LOST"),
    (Superseded, grpc.StatusCode.ABORTED, "SUPERSEDED"),
    (DataLoss, grpc.StatusCode.DATA_LOSS, "DATA_LOSS"),
    (TranslationFailed, grpc.StatusCode.INTERNAL, "TRANSLATION_FAILED"),
    (StreamTimeout, grpc.StatusCode.DEADLINE_EXCEEDED, "STREAM_TIMEOUT"),
)


def code_of(error: BaseException | None) -> grpc.StatusCode:
    """The status code for ``error``: OK for None, CANCELLED if the client cancelled the call."""
    if error is None:
        return grpc.StatusCode.OK
    if isinstance(error, asyncio.CancelledError):
        return grpc.StatusCode.CANCELLED
    error = shortage_of(error) or error
    return next((code for kind, code, _ in _CODES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)


def status_of(error: BaseException) -> status_pb2.Status:
    """The status for ``error``.

    An exception that callers should not see becomes INTERNAL with an incident id. Under that id the log has
    the type of the exception and where it was raised, but not its message: it may quote a caller.
    """
    if (shortage := shortage_of(error)) is not None:
        _log.error("%s: %s", shortage, anonymous_traceback(error))
        error = shortage
    for kind, code, reason in _CODES:
        if isinstance(error, kind):
            return _status(code, str(error), _details(error, reason))
    incident_id = secrets.token_hex(8)
    _log.error("incident %s: %s", incident_id, anonymous_traceback(error))
    info = error_details_pb2.ErrorInfo(
        reason="INTERNAL", domain=DOMAIN, metadata={"incident_id": incident_id}
    )
    return _status(grpc.StatusCode.INTERNAL, f"internal error, incident {incident_id}", [info])


async def abort(
    context: grpc.aio.ServicerContext[Any, Any], error: BaseException, timeout_s: float
) -> NoReturn:
    """Ends the call with the status of ``error``.

    The status cannot be sent while the client's flow-control window is full. After ``timeout_s`` the call is
    reset without a status, which the client sees as CANCELLED.

    Raises:
        grpc.aio.AbortError: the status has been sent.
        asyncio.CancelledError: it could not be sent, or the call was cancelled meanwhile.
    """
    status = status_of(error)
    try:
        async with asyncio.timeout(timeout_s):
            # grpc-stubs lacks abort_with_status
            await context.abort_with_status(rpc_status.to_status(status))  # type: ignore[attr-defined]
    except (TimeoutError, grpc.aio.InternalError):
        # InternalError: the call's first response has not been sent yet
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
