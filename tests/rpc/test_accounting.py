"""What the transport reports to the accounting: how calls ended, and which were not admitted."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.rpc.conftest import CONFIG, audio, open_stream, request
from tests.rpc.scripted_session import ScriptedService, ScriptedSession
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.errors import DataLoss, InvalidArgument, ResourceExhausted, Unauthenticated
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.types import CallOutcome
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.v1 import speech_translation_pb2_grpc as pb_grpc


async def _end(session: ScriptedSession) -> CallOutcome:
    await asyncio.wait_for(session.cancelled.wait(), 60)
    assert session.end is not None
    return session.end


async def test_a_whole_call_ended_well_after_so_many_bytes(stub: Any, service: ScriptedService) -> None:
    requests = [
        request(config=CONFIG),
        audio(),
        request(finalize={}),
        request(end=pb.EndInput(total_samples=320)),
    ]
    answers = [answer async for answer in stub.StreamingTranslate(iter(requests))]
    end = await _end(service.sessions[0])
    assert (end.status, end.error) == ("OK", None)
    assert end.bytes_out == sum(answer.ByteSize() for answer in answers)


async def test_an_error_is_recorded_with_the_status_that_its_client_got(
    stub: Any, service: ScriptedService
) -> None:
    call, session = await open_stream(stub, service)
    await call.write(request(end=pb.EndInput(total_samples=7)))
    assert await call.code() is grpc.StatusCode.DATA_LOSS
    end = await _end(session)
    assert end.status == "DATA_LOSS"
    assert isinstance(end.error, DataLoss)


async def test_a_client_that_leaves_is_cancelled(stub: Any, service: ScriptedService) -> None:
    call, session = await open_stream(stub, service)
    call.cancel()
    end = await _end(session)
    assert end.status == "CANCELLED"
    assert isinstance(end.error, asyncio.CancelledError)


async def _code(call: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        [answer async for answer in call]
    return caught.value.code()


async def test_every_rejected_call_is_recorded_whether_the_service_was_asked_or_not(
    stub: Any, service: ScriptedService
) -> None:
    assert await _code(stub.StreamingTranslate(iter([audio()]))) is grpc.StatusCode.INVALID_ARGUMENT
    assert await _code(stub.Translate(pb.TranslateRequest())) is grpc.StatusCode.INVALID_ARGUMENT
    service.refusal = ResourceExhausted("full")
    assert (
        await _code(stub.StreamingTranslate(iter([request(config=CONFIG)])))
        is grpc.StatusCode.RESOURCE_EXHAUSTED
    )
    assert [type(error) for error in service.rejections] == [
        InvalidArgument,
        InvalidArgument,
        ResourceExhausted,
    ]


async def test_a_call_without_a_key_is_recorded(
    service: ScriptedService, options: RpcOptions, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text(key_line("somebody", new_key()) + "\n", encoding="utf-8")
    async with (
        RpcServer(service, options, callers=Callers(ApiKeys(keys))) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        stub = pb_grpc.SpeechTranslationStub(channel)  # type: ignore[no-untyped-call]  # generated
        code = await _code(stub.StreamingTranslate(iter([request(config=CONFIG)])))
    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert [type(error) for error in service.rejections] == [Unauthenticated]
