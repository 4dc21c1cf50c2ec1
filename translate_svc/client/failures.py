"""Converts gRPC statuses back to the exceptions from which the server made them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]

from translate_svc.errors import (
    DataLoss,
    InvalidArgument,
    OutOfRange,
    PermissionDenied,
    ResourceExhausted,
    Superseded,
    TranslateSvcError,
    Unauthenticated,
    Unavailable,
    Unsupported,
)

M = TypeVar("M", bound=Message)

_DETAILS_KEY = "grpc-status-details-bin"

_DRAINING = re.compile(r"(?:ipv[46]:)?(\S+): backend unhealthy$")
"""What gRPC says of a server whose health check says that it takes no new calls."""

_TOO_LARGE = re.compile(r"SERVER: .*larger than max \((\d+) vs\. (\d+)\)")
"""What gRPC's server says of a message that it does not read."""

_KINDS: dict[grpc.StatusCode, type[TranslateSvcError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgument,
    grpc.StatusCode.OUT_OF_RANGE: OutOfRange,
    grpc.StatusCode.UNIMPLEMENTED: Unsupported,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DATA_LOSS: DataLoss,
    grpc.StatusCode.ABORTED: Superseded,
}


def error_of(
    code: grpc.StatusCode, message: str | None, trailing_metadata: Iterable[Any] | None
) -> TranslateSvcError:
    """The exception for the status of a call, with the field that the status names.

    OK means that the program used a call after its normal end. Codes without a class of their own become
    ``TranslateSvcError`` with the code in its message.
    """
    status = _status(trailing_metadata)
    if code is grpc.StatusCode.OK:
        return TranslateSvcError("the stream has ended")
    bad = _detail(status, error_details_pb2.BadRequest)
    violations = bad.field_violations if bad is not None else ()
    field = violations[0].field if violations else ""
    description = violations[0].description if violations else message or code.name
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        retry = _detail(status, error_details_pb2.RetryInfo)
        if retry is None:
            # sent by the transport: a message is too large, so a retry would fail again
            return OutOfRange(_in_words(description), field=field)
        return ResourceExhausted(
            description, field=field, retry_after_s=retry.retry_delay.ToMilliseconds() / 1000
        )
    if code is grpc.StatusCode.UNAVAILABLE and (draining := _DRAINING.search(description)):
        return Unavailable(f"{draining[1]} takes nothing new: it is ending")
    kind = _KINDS.get(code)
    if kind is None:
        return TranslateSvcError(f"{code.name}: {description}", field=field)
    return kind(description, field=field)


def _in_words(description: str) -> str:
    if (sizes := _TOO_LARGE.match(description)) is None:
        return description
    return (
        f"a message of {sizes[1]} bytes, and the server takes {sizes[2]}: send a long clip"
        " with translate_file or on a stream"
    )


def is_interruption(code: grpc.StatusCode, trailing_metadata: Iterable[Any] | None) -> bool:
    """Whether another server can continue a stream that ended like this.

    So it is when the server went away, drained, is full or failed, or when the transport broke. Another
    server would refuse the stream itself for the same reason as this server.
    """
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL):
        return True
    status = _status(trailing_metadata)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return _detail(status, error_details_pb2.RetryInfo) is not None
    # a proxy or the transport itself: servers give a reason with each status
    is_transport = code in (grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED)
    return is_transport and _detail(status, error_details_pb2.ErrorInfo) is None


def is_incident(code: grpc.StatusCode, trailing_metadata: Iterable[Any] | None) -> bool:
    """Whether the server itself failed at the call, and says so. The transport says ``INTERNAL``, too."""
    return (
        code is grpc.StatusCode.INTERNAL
        and _detail(_status(trailing_metadata), error_details_pb2.ErrorInfo) is not None
    )


def _status(trailing_metadata: Iterable[Any] | None) -> status_pb2.Status:
    status = status_pb2.Status()
    for key, value in trailing_metadata or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            try:
                status.ParseFromString(value)
            except DecodeError:
                # a proxy may have put something else there; code and message are still valid
                return status_pb2.Status()
    return status


def _detail(status: status_pb2.Status, kind: type[M]) -> M | None:
    for packed in status.details:
        detail = kind()
        if packed.Unpack(detail):
            return detail
    return None
