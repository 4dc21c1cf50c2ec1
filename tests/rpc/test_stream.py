"""One live call: what may be sent when, and that nothing is left behind however it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status

from tests.rpc.conftest import CONFIG, audio, open_stream, request
from tests.rpc.scripted_session import ScriptedService
from tests.waiting import until
from translate_svc.client.aio.final_status import FinalStatus
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.types import SampleRange, SpeechChunk
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.v1 import speech_translation_pb2_grpc as pb_grpc

pytestmark = pytest.mark.realtime

EOF = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs lack it
END = request(end=pb.EndInput(total_samples=0))


async def outcome(call: Any) -> tuple[grpc.StatusCode, str]:
    """The status of a call that failed, and the field that it names."""
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await responses(call)
    return failure.value.code(), violated_field(failure.value)


def violated_field(error: grpc.aio.AioRpcError) -> str:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    for detail in status.details if status is not None else ():
        bad = error_details_pb2.BadRequest()
        if detail.Unpack(bad):
            return str(bad.field_violations[0].field)
    return ""


async def responses(call: Any) -> list[pb.StreamingTranslateResponse]:
    received = []
    while (response := await call.read()) is not EOF:
        received.append(response)
    return received


async def test_a_stream_from_config_to_closed(stub: Any, service: ScriptedService, server: RpcServer) -> None:
    call = stub.StreamingTranslate()
    for message in (
        request(config=CONFIG),
        audio(320),
        request(silence=pb.SilenceInput(samples=80)),
        request(finalize=pb.FinalizeInput()),
        request(end=pb.EndInput(total_samples=400)),
    ):
        await call.write(message)
    received = await responses(call)
    assert [response.seq for response in received] == list(range(1, 9))
    kinds = [response.WhichOneof("event") for response in received]
    assert kinds == [
        "opened",
        "speech_started",
        "speech_ended",
        "translation",
        "translation",
        "audio",
        "utterance_done",
        "closed",
    ]
    assert "".join(response.translation.delta for response in received) == "uno dos"
    assert received[-1].closed.complete
    assert await call.code() == grpc.StatusCode.OK
    await until(lambda: server.live_streams == 0)


async def test_an_error_is_told_although_the_first_response_has_not_left(server: RpcServer) -> None:
    large = pb.StreamConfig(resume_token=bytes(3 * 1024 * 1024))
    large.MergeFrom(CONFIG)
    window = [("grpc.http2.lookahead_bytes", 64 * 1024), ("grpc.http2.bdp_probe", 0)]
    async with grpc.aio.insecure_channel(server.target, options=window) as channel:
        call: Any = pb_grpc.SpeechTranslationStub(channel).StreamingTranslate()  # type: ignore[no-untyped-call]
        await call.write(request(config=large))
        await call.write(request(config=CONFIG))
        await asyncio.sleep(0.3)  # `opened` repeats the token, which is more than the window holds
        assert (await call.read()).WhichOneof("event") == "opened"
        assert await outcome(call) == (grpc.StatusCode.INVALID_ARGUMENT, "config")


async def test_a_session_that_ends_without_closed_is_no_success(stub: Any, service: ScriptedService) -> None:
    call, session = await open_stream(stub, service)
    session.say(None)
    assert await outcome(call) == (grpc.StatusCode.UNAVAILABLE, "")


async def test_half_close_without_end_finishes_incomplete(stub: Any, service: ScriptedService) -> None:
    call, session = await open_stream(stub, service)
    await call.write(audio())
    await call.done_writing()
    received = await responses(call)
    assert [response.WhichOneof("event") for response in received] == ["closed"]
    assert not received[0].closed.complete
    assert session.half_closed.is_set()


async def test_half_close_after_end_is_no_half_close(stub: Any, service: ScriptedService) -> None:
    call, session = await open_stream(stub, service)
    await call.write(END)
    await call.done_writing()
    received = await responses(call)
    assert received[-1].closed.complete
    assert not session.half_closed.is_set()


async def test_half_close_before_config_is_refused(stub: Any) -> None:
    call = stub.StreamingTranslate()
    await call.done_writing()
    assert await outcome(call) == (grpc.StatusCode.INVALID_ARGUMENT, "config")


@pytest.mark.parametrize("how", ["cancel the call", "close the channel"])
async def test_a_client_that_goes_leaves_nothing(
    stub: Any, service: ScriptedService, server: RpcServer, channel: grpc.aio.Channel, how: str
) -> None:
    # The end of the request iterator is not half-close: on the wire both of these end it
    call, session = await open_stream(stub, service)
    await call.write(audio())
    await until(lambda: len(session.received) == 1)
    before = own_tasks()
    if how == "cancel the call":
        call.cancel()
    else:
        await channel.close(None)
    await asyncio.wait_for(session.cancelled.wait(), 60)
    await until(lambda: server.live_streams == 0)
    await until(lambda: not (own_tasks() & before))


def own_tasks() -> set[asyncio.Task[Any]]:
    """Tasks that run this package's code."""
    return {task for task in asyncio.all_tasks() if "translate_svc" in str(task.get_coro())}


CHILD = """
import sys, time, grpc
from translate_svc.v1 import speech_translation_pb2 as pb, speech_translation_pb2_grpc as pb_grpc
def requests():
    config = pb.StreamConfig.FromString(bytes.fromhex(sys.argv[2]))
    yield pb.StreamingTranslateRequest(config=config)
    time.sleep(60)
stub = pb_grpc.SpeechTranslationStub(grpc.insecure_channel(sys.argv[1]))
for response in stub.StreamingTranslate(requests()):
    print(response.WhichOneof("event"), flush=True)
"""


async def test_a_client_that_is_killed_leaves_nothing(service: ScriptedService, server: RpcServer) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, server.target, CONFIG.SerializeToString().hex(), stdout=subprocess.PIPE
    )
    try:
        assert child.stdout is not None
        assert await asyncio.wait_for(child.stdout.readline(), 60) == b"opened\n"
        os.kill(child.pid, signal.SIGKILL)
        await asyncio.wait_for(service.sessions[0].cancelled.wait(), 60)
        await until(lambda: server.live_streams == 0)
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()


class TestPatience:
    """Whom the server waits for, and how long. Only the deadline that a test waits for is short."""

    @pytest.mark.parametrize("options", [RpcOptions(config_timeout_s=0.5)])
    async def test_for_the_config(self, stub: Any, service: ScriptedService) -> None:
        call = stub.StreamingTranslate()
        assert await outcome(call) == (grpc.StatusCode.DEADLINE_EXCEEDED, "")
        assert not service.sessions

    @pytest.mark.parametrize("options", [RpcOptions(idle_timeout_s=0.5)])
    async def test_for_a_silent_client(self, stub: Any, service: ScriptedService) -> None:
        call, session = await open_stream(stub, service)
        assert await outcome(call) == (grpc.StatusCode.DEADLINE_EXCEEDED, "")
        assert session.cancelled.is_set()

    @pytest.mark.parametrize("options", [RpcOptions(write_timeout_s=0.3, abort_timeout_s=0.2)])
    async def test_not_for_a_client_that_does_not_read(
        self, service: ScriptedService, server: RpcServer
    ) -> None:
        # A client whose windows are small and that never reads
        narrow = [("grpc.http2.lookahead_bytes", 16_384), ("grpc.http2.bdp_probe", 0)]
        async with grpc.aio.insecure_channel(server.target, options=narrow) as channel:
            stub = pb_grpc.SpeechTranslationStub(channel)  # type: ignore[no-untyped-call]  # generated
            call, session = await open_stream(stub, service)
            ended = FinalStatus(call)  # a write under way when the status arrives would overwrite it
            keep_sending = asyncio.create_task(send_until_dead(call))
            began_s = time.monotonic()
            for number in range(400):
                session.say(speech_chunk(number, 32_000))
            await asyncio.wait_for(session.cancelled.wait(), 60)
            assert 0.25 < time.monotonic() - began_s < RpcOptions().write_timeout_s
            # The status could not leave; the call is gone all the same
            await until(lambda: server.live_streams == 0)
            await until(lambda: not own_tasks())
            with pytest.raises(grpc.aio.AioRpcError):
                await asyncio.wait_for(responses(call), 60)
            assert str(ended.error()).startswith(("DEADLINE_EXCEEDED", "CANCELLED"))
            keep_sending.cancel()


async def send_until_dead(call: Any) -> None:
    while not call.done():
        try:
            await call.write(audio(160))
        except asyncio.InvalidStateError:
            return
        await asyncio.sleep(0.05)


def speech_chunk(number: int, size: int) -> SpeechChunk:
    return SpeechChunk(0, SampleRange(0, 1), "spa", number * size // 2, bytes(size), final=False)


async def test_a_full_session_holds_the_client_early(stub: Any, service: ScriptedService) -> None:
    call, session = await open_stream(stub, service)
    session.gate.clear()
    sent_bytes = 0

    async def flood() -> None:
        nonlocal sent_bytes
        while True:
            await call.write(audio(8_000))
            sent_bytes += 16_000

    flooding = asyncio.create_task(flood())
    held_at_bytes = -1
    while not 0 < sent_bytes == held_at_bytes:
        held_at_bytes = sent_bytes
        await asyncio.sleep(0.2)
        assert sent_bytes <= 512 * 1024  # without a fixed window: 4 MB
    session.gate.set()
    await until(lambda: sent_bytes > held_at_bytes + 1_000_000)
    call.cancel()
    with pytest.raises((asyncio.CancelledError, asyncio.InvalidStateError)):
        await flooding


async def test_an_oversized_message_is_refused_by_the_transport(
    stub: Any, service: ScriptedService, server: RpcServer
) -> None:
    call, session = await open_stream(stub, service)
    await call.write(request(audio=pb.AudioInput(data=bytes(RpcOptions().max_message_bytes))))
    code, _ = await outcome(call)
    assert code == grpc.StatusCode.RESOURCE_EXHAUSTED
    await asyncio.wait_for(session.cancelled.wait(), 60)
    await until(lambda: server.live_streams == 0)
