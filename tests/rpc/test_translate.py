"""A call of Translate: numbered events and OK, or a status that names the field; nothing is left behind."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc
import pytest

from tests.rpc.conftest import CONFIG, audio, open_stream, request, until
from tests.rpc.scripted_session import ScriptedService
from tests.rpc.test_stream import EOF, outcome, own_tasks, responses
from translate_svc import errors
from translate_svc.rpc.options import RpcOptions
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


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (pb.TranslateRequest(), "input"),
        (pb.TranslateRequest(clip=pb.AudioClip(data=b"12")), "clip.format"),
        (pb.TranslateRequest(text="a", include=[pb.INSPECT_UNSPECIFIED]), "include[0]"),
        (
            pb.TranslateRequest(text="a", targets=[pb.TargetSettings(duration_factor=float("nan"))]),
            "targets[0].duration_factor",
        ),
    ],
)
async def test_what_cannot_be_understood_does_not_reach_the_service(
    stub: Any, service: ScriptedService, call: pb.TranslateRequest, field: str
) -> None:
    assert await outcome(stub.Translate(call)) == (grpc.StatusCode.INVALID_ARGUMENT, field)
    assert service.calls == []


GARBAGE = b"\x0a\xff\xff\xff"
"""A field of 2 MB, and no bytes of it."""


async def send_garbage(channel: Any, method: str) -> None:
    path = f"{SERVICE}/{method}"
    if method == "Translate":
        await channel.unary_stream(path)(GARBAGE).read()
    elif method == "StreamingTranslate":
        stream = channel.stream_stream(path)()
        await stream.write(GARBAGE)
        await stream.read()
    else:
        await channel.unary_unary(path)(GARBAGE)


@pytest.mark.parametrize("method", ["Translate", "ListLanguages", "GetServerInfo", "StreamingTranslate"])
async def test_bytes_that_are_no_message_are_the_clients_mistake(
    channel: grpc.aio.Channel, service: ScriptedService, server: RpcServer, method: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await send_garbage(channel, method)
    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert (service.calls, service.sessions) == ([], [])
    await until(lambda: server.live_streams == 0)


async def test_garbage_in_the_middle_of_a_stream_ends_it_and_no_other(
    channel: grpc.aio.Channel, stub: Any, service: ScriptedService
) -> None:
    other, _ = await open_stream(stub, service)
    unchecked: Any = channel
    stream = unchecked.stream_stream(f"{SERVICE}/StreamingTranslate")()
    await stream.write(request(config=CONFIG).SerializeToString())
    await stream.read()
    await stream.write(GARBAGE)
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await stream.read()
    assert failure.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    await asyncio.wait_for(service.sessions[1].cancelled.wait(), 60)
    await other.write(audio(320))
    await other.write(request(end=pb.EndInput(total_samples=320)))
    assert (await responses(other))[-1].closed.complete


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


async def test_a_message_too_large_is_refused_by_the_transport(stub: Any, service: ScriptedService) -> None:
    call = pb.TranslateRequest(clip=pb.AudioClip(data=bytes(RpcOptions().max_message_bytes)))
    code, _ = await outcome(stub.Translate(call))
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert service.calls == []
