"""A call of Translate: numbered events and OK, or a status that names the field; nothing is left behind."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from tests.rpc.scripted_session import ScriptedService
from tests.rpc.test_stream import EOF, outcome, own_tasks, responses
from tests.waiting import until
from translate_svc import errors
from translate_svc.rpc.server import RpcServer
from translate_svc.v1 import speech_translation_pb2 as pb

pytestmark = pytest.mark.realtime

CALL = pb.TranslateRequest(
    text="two words",
    source_language="eng",
    targets=[pb.TargetSettings(language="spa"), pb.TargetSettings(language="fra")],
)
SERVICE = "/translate_svc.v1.SpeechTranslation"


async def test_a_call_from_its_first_event_to_ok(
    stub: Any, service: ScriptedService, server: RpcServer
) -> None:
    call = stub.Translate(CALL)
    received = await responses(call)
    assert [response.seq for response in received] == [1, 2, 3, 4, 5, 6, 7]
    kinds = [response.WhichOneof("event") for response in received]
    assert kinds == [*["translation", "translation", "audio"] * 2, "utterance_done"]
    assert received[2].audio.sample_count == 320
    assert await call.code() == grpc.StatusCode.OK
    assert service.calls[0].request.source == "two words"
    assert service.calls[0].cancelled.is_set(), "also an answer that is whole is given back"
    await until(lambda: server.live_streams == 0)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidArgument("no", field="text"), grpc.StatusCode.INVALID_ARGUMENT),
        (errors.OutOfRange("no", field="clip.data"), grpc.StatusCode.OUT_OF_RANGE),
        (errors.Unsupported("no", field="clip.format.encoding"), grpc.StatusCode.UNIMPLEMENTED),
        (errors.ResourceExhausted("no"), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (errors.Unavailable("no"), grpc.StatusCode.UNAVAILABLE),
        (errors.DeviceLost("no"), grpc.StatusCode.UNAVAILABLE),
        (RuntimeError("no"), grpc.StatusCode.INTERNAL),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("begun", [False, True], ids=["at once", "on the way"])
async def test_what_goes_wrong_is_told_by_its_status(
    stub: Any,
    service: ScriptedService,
    server: RpcServer,
    error: Exception,
    code: grpc.StatusCode,
    begun: bool,
) -> None:
    if begun:
        service.on_call = lambda call: call.script.insert(2, error)
    else:
        service.refusal = error
    assert await outcome(stub.Translate(CALL)) == (code, getattr(error, "field", ""))
    await until(lambda: server.live_streams == 0)
    assert all(answer.cancelled.is_set() for answer in service.calls)


@pytest.mark.parametrize("count", range(7))
async def test_a_client_that_goes_after_any_event_leaves_nothing(
    stub: Any, service: ScriptedService, server: RpcServer, count: int
) -> None:
    service.on_call = lambda call: setattr(call, "stop_before", count)
    before = own_tasks()
    call = stub.Translate(CALL)
    for _ in range(count):
        assert await call.read() is not EOF
    await until(lambda: server.live_streams == 1)
    call.cancel()
    await asyncio.wait_for(service.calls[0].cancelled.wait(), 60)
    await until(lambda: server.live_streams == 0)
    await until(lambda: own_tasks() <= before)
