"""What arrives before admission: refused by metadata alone, bounded, and not kept."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
import time
from typing import Any

import grpc
import pytest
from hyperframe.frame import DataFrame

from benchmarks.attacks.http2 import connect, message
from tests.rpc.scripted_session import ScriptedService
from tests.waiting import until
from translate_svc.errors import ResourceExhausted
from translate_svc.rpc.options import MIB, RpcOptions
from translate_svc.rpc.server import RpcServer, channel_options
from translate_svc.rpc.servicer import SERVICE_NAME
from translate_svc.v1 import speech_translation_pb2 as pb

pytestmark = pytest.mark.realtime

TEXT = pb.TranslateRequest(text="x", source_language="eng", targets=[pb.TargetSettings(language="spa")])


def bytes_call(channel: Any) -> Any:
    """A call of Translate whose message is bytes."""
    return channel.unary_stream(f"/{SERVICE_NAME}/Translate", request_serializer=None)


def silent_call(channel: Any, method: str = "Translate") -> Any:
    """A call whose message does not come."""
    return channel.stream_stream(f"/{SERVICE_NAME}/{method}", request_serializer=None)()


async def status_of(call: Any) -> grpc.StatusCode:
    try:
        async for _ in call:
            pass
    except grpc.aio.AioRpcError:
        pass
    code: grpc.StatusCode = await call.code()
    return code


async def test_a_full_server_refuses_before_it_reads(
    channel: grpc.aio.Channel, service: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.early_refusal = ResourceExhausted("full", retry_after_s=7)
    parsed = []
    monkeypatch.setattr(
        "translate_svc.rpc.request_reader.parse", lambda data, deserialize: parsed.append(len(data))
    )
    for _ in range(5):
        call = bytes_call(channel)(b"\x22\x00" * (2 * MIB))
        assert await status_of(call) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert not parsed


async def test_a_message_of_tiny_parts_is_refused(
    channel: grpc.aio.Channel, service: ScriptedService
) -> None:
    call = bytes_call(channel)(b"\x22\x00" * (2 * MIB))
    assert await status_of(call) is grpc.StatusCode.OUT_OF_RANGE
    assert "more than 16384 fields" in await call.details()
    assert not service.calls


async def test_a_refused_message_is_freed_at_once(stub: Any, service: ScriptedService) -> None:
    """Not only by the garbage collector, which counts objects and no bytes."""
    service.refusal = ResourceExhausted("full")
    live_before = _messages()
    gc.disable()
    try:
        for _ in range(20):
            assert await status_of(stub.Translate(TEXT)) is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert _messages() - live_before <= 2
    finally:
        gc.enable()


def _messages() -> int:
    """Live requests of Translate, but for ``TEXT``."""
    return sum(type(each) is pb.TranslateRequest for each in gc.get_objects())


class TestArrival:
    @pytest.fixture
    def options(self) -> RpcOptions:
        return RpcOptions(message_timeout_s=0.3, config_timeout_s=1, max_reads_per_caller=2)

    async def test_a_message_that_does_not_come_is_not_awaited_forever(
        self, channel: grpc.aio.Channel, server: RpcServer
    ) -> None:
        del server
        call = silent_call(channel)
        await call.wait_for_connection()
        async with asyncio.timeout(60):
            assert await status_of(call) is grpc.StatusCode.DEADLINE_EXCEEDED

    async def test_calls_that_say_nothing_keep_nobody_out_for_long(
        self, channel: grpc.aio.Channel, stub: Any, service: ScriptedService
    ) -> None:
        """Two places, and four calls that hold one each for 0.3 s: the fifth waits for them."""
        silent = [silent_call(channel) for _ in range(4)]
        for each in silent:
            await each.wait_for_connection()
        async with asyncio.timeout(60):
            while not service.calls:  # on a busy machine its own message may be late, too
                call = stub.Translate(TEXT)
                with contextlib.suppress(grpc.aio.AioRpcError):
                    await call.read()
        call.cancel()
        for each in silent:
            each.cancel()


async def test_a_call_with_one_message_and_no_more_is_answered(stub: Any, channel: grpc.aio.Channel) -> None:
    assert (await stub.GetServerInfo(pb.GetServerInfoRequest())).version
    call = silent_call(channel, "GetServerInfo")
    await call.done_writing()
    assert await status_of(call) is grpc.StatusCode.INVALID_ARGUMENT


def test_grpc_itself_bounds_streams_and_connections() -> None:
    arguments = dict(channel_options(RpcOptions(max_streams_per_connection=7, max_connections=9)))
    assert arguments["grpc.max_concurrent_streams"] == 7
    assert arguments["grpc.max_allowed_incoming_connections"] == 9


class TestStreamsOfAConnection:
    @pytest.fixture
    def options(self) -> RpcOptions:
        return RpcOptions(max_streams_per_connection=4)

    async def test_further_ones_wait_at_the_client(
        self, server: RpcServer, stub: Any, service: ScriptedService
    ) -> None:
        del server
        calls = [stub.Translate(TEXT) for _ in range(10)]
        await until(lambda: len(service.calls) >= 4)
        await asyncio.sleep(0.2)
        assert len(service.calls) == 4
        for call in calls:
            call.cancel()

    async def test_a_client_that_does_not_wait_has_them_reset(self, server: RpcServer) -> None:
        """The connection and the calls within the bound live on."""
        async with connect(server.target) as connection:
            watches = []
            for _ in range(6):
                watch, headers = connection.start_call("/grpc.health.v1.Health/Watch")
                question = DataFrame(watch.stream_id, message(b""), flags=["END_STREAM"])
                await connection.write(headers + question.serialize())
                watches.append(watch)
            async with asyncio.timeout(30):
                for watch in watches[4:]:
                    await watch.ended.wait()
            assert [watch.outcome.split()[0] for watch in watches[4:]] == ["reset", "reset"]
            assert not any(watch.outcome for watch in watches[:4])
            assert not connection.is_cut.is_set()


async def test_large_messages_are_parsed_one_at_a_time(
    channel: grpc.aio.Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many that arrive at the same moment would otherwise stop the event loop until all are parsed."""
    parse_s, parsed_at_s = 0.02, list[float]()

    def slow_parse(data: bytes, deserialize: object) -> object:
        parsed_at_s.append(time.perf_counter())
        time.sleep(parse_s)
        raise ResourceExhausted("parsed")

    monkeypatch.setattr("translate_svc.rpc.request_reader.parse", slow_parse)
    calls = [bytes_call(channel)(bytes(MIB)) for _ in range(5)]
    for call in calls:
        assert await status_of(call) is grpc.StatusCode.RESOURCE_EXHAUSTED
    gaps_s = [later - earlier for earlier, later in itertools.pairwise(parsed_at_s)]
    assert len(gaps_s) == 4
    assert min(gaps_s) > 3 * parse_s, "the event loop had the rest of the time"
