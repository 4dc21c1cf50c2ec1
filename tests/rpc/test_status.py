"""Exceptions -> gRPC statuses: the code, the details, and nothing of what a caller said."""

from __future__ import annotations

import asyncio
import errno
import logging
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status

from tests.rpc.conftest import open_stream
from tests.rpc.scripted_session import ScriptedService
from translate_svc import errors
from translate_svc.rpc.call_limiter import CallLimiter
from translate_svc.rpc.interceptors import ErrorInterceptor
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.read_limiter import ReadLimiter
from translate_svc.rpc.request_reader import RequestReader
from translate_svc.rpc.status import abort, code_of, status_of

SECRET = "what the caller said"


def unpacked(status: status_pb2.Status, kind: type[Message]) -> list[Any]:
    found = []
    for detail in status.details:
        message = kind()
        if detail.Unpack(message):
            found.append(message)
    return found


@pytest.mark.parametrize(
    ("error", "code", "reason"),
    [
        (errors.InvalidArgument("no", field="config"), "INVALID_ARGUMENT", "INVALID_ARGUMENT"),
        (errors.OutOfRange("no", field="silence.samples"), "OUT_OF_RANGE", "OUT_OF_RANGE"),
        (errors.Unsupported("no", field="ack"), "UNIMPLEMENTED", "UNSUPPORTED"),
        (errors.ResourceExhausted("no", retry_after_s=2.5), "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"),
        (errors.Unavailable("no"), "UNAVAILABLE", "UNAVAILABLE"),
        (errors.DeviceLost("no"), "UNAVAILABLE", "ENGINE_LOST"),
        (errors.EngineLost("no"), "UNAVAILABLE", "ENGINE_LOST"),
        (errors.DataLoss("no", field="end.total_samples"), "DATA_LOSS", "DATA_LOSS"),
        (errors.StreamTimeout("no"), "DEADLINE_EXCEEDED", "STREAM_TIMEOUT"),
        (errors.Superseded("no"), "ABORTED", "SUPERSEDED"),
        (errors.EngineError("no"), "INTERNAL", "INTERNAL"),
        (errors.InvariantViolation("no"), "INTERNAL", "INTERNAL"),
        (errors.DetectorError("no"), "INTERNAL", "INTERNAL"),
        (errors.CheckpointError("no", field="model.safetensors"), "INTERNAL", "INTERNAL"),
        (RuntimeError("no"), "INTERNAL", "INTERNAL"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_every_error_has_its_code_and_reason(error: Exception, code: str, reason: str) -> None:
    status = status_of(error)
    assert status.code == grpc.StatusCode[code].value[0]
    (info,) = unpacked(status, error_details_pb2.ErrorInfo)
    assert (info.domain, info.reason) == ("translate_svc", reason)
    violations = [
        violation.field
        for bad in unpacked(status, error_details_pb2.BadRequest)
        for violation in bad.field_violations
    ]
    field = getattr(error, "field", "")
    assert violations == ([field] if field and code != "INTERNAL" else [])
    delays = [retry.retry_delay.ToMilliseconds() for retry in unpacked(status, error_details_pb2.RetryInfo)]
    assert delays == ([2500] if code == "RESOURCE_EXHAUSTED" else [])


def raise_deeply() -> None:
    try:
        raise KeyError(SECRET)
    except KeyError as cause:
        raise RuntimeError(SECRET) from cause


def test_an_unknown_error_is_logged_by_type_and_place_alone(caplog: pytest.LogCaptureFixture) -> None:
    try:
        raise_deeply()
    except RuntimeError as error:
        with caplog.at_level(logging.DEBUG):
            status = status_of(error)
    (info,) = unpacked(status, error_details_pb2.ErrorInfo)
    assert info.metadata["incident_id"] in status.message
    assert info.metadata["incident_id"] in caplog.text
    assert "builtins.RuntimeError" in caplog.text
    assert "builtins.KeyError" in caplog.text
    assert "raise_deeply" in caplog.text
    assert SECRET not in caplog.text
    assert SECRET not in str(status)


async def test_a_session_that_breaks_becomes_an_incident(
    stub: Any, service: ScriptedService, caplog: pytest.LogCaptureFixture
) -> None:
    call, session = await open_stream(stub, service)
    with caplog.at_level(logging.INFO):
        session.say(ZeroDivisionError(SECRET))
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await call.read()
    assert failure.value.code() == grpc.StatusCode.INTERNAL
    status = rpc_status.from_call(failure.value)  # type: ignore[arg-type]
    assert status is not None
    (info,) = unpacked(status, error_details_pb2.ErrorInfo)
    assert info.metadata["incident_id"] in caplog.text
    assert SECRET not in caplog.text + str(status)
    assert session.cancelled.is_set()


async def test_a_cancellation_is_raised_again() -> None:
    # swallowing it leaks the call's memory
    options = RpcOptions()

    async def admitted() -> None:
        pass

    reader = RequestReader(options, ReadLimiter(1, 1, 1.0), admitted)
    interceptor = ErrorInterceptor(["service"], options, reader, CallLimiter(1, 1))

    async def cancelled(request: Any, context: Any) -> None:
        raise asyncio.CancelledError

    context: Any = SimpleNamespace(peer=lambda: "ipv4:1.1.1.1:1")
    with pytest.raises(asyncio.CancelledError):
        await interceptor._guarded(cancelled)(None, context)


async def test_a_status_that_cannot_leave_is_given_up() -> None:
    class Stuck:
        async def abort_with_status(self, status: grpc.Status) -> None:
            await asyncio.sleep(3_600)

    with pytest.raises(asyncio.CancelledError):
        await abort(Stuck(), errors.Unavailable("no"), timeout_s=0.05)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "error", [MemoryError(SECRET), OSError(errno.ENOSPC, SECRET), OSError(errno.EMFILE, SECRET)]
)
def test_what_the_machine_lacks_is_no_internal_error(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """Another server may have it, or this one a little later."""
    status = status_of(error)
    assert status.code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]
    assert code_of(error) is grpc.StatusCode.RESOURCE_EXHAUSTED
    (retry,) = unpacked(status, error_details_pb2.RetryInfo)
    assert retry.retry_delay.seconds == 5
    assert type(error).__name__ in caplog.text
    assert SECRET not in caplog.text + str(status)
    assert code_of(OSError(errno.ENOENT, SECRET)) is grpc.StatusCode.INTERNAL
