"""The server's life, and what a third-party client can find out about it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from tests.rpc.conftest import CONFIG, open_stream, request
from tests.rpc.scripted_session import ScriptedService
from translate_svc.errors import InvalidArgument
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer, channel_options
from translate_svc.rpc.servicer import SERVICE_NAME
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.v1 import speech_translation_pb2_grpc as pb_grpc

EOF = grpc.aio.EOF  # type: ignore[attr-defined]  # the stubs lack it
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


async def health(channel: grpc.aio.Channel, name: str) -> int:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    response = await stub.Check(health_pb2.HealthCheckRequest(service=name))
    return int(response.status)


async def test_health_is_reported_overall_and_by_name(server: RpcServer, channel: grpc.aio.Channel) -> None:
    assert SERVICE_NAME == "translate_svc.v1.SpeechTranslation"
    for name in ("", SERVICE_NAME):
        assert await health(channel, name) == SERVING
    await server.set_serving(False)
    for name in ("", SERVICE_NAME):
        assert await health(channel, name) == NOT_SERVING
    with pytest.raises(grpc.aio.AioRpcError) as failure:
        await health(channel, "another.Service")
    assert failure.value.code() == grpc.StatusCode.NOT_FOUND


async def test_languages_and_info_are_served(stub: Any) -> None:
    languages = await stub.ListLanguages(pb.ListLanguagesRequest())
    assert [language.code for language in languages.languages] == ["eng", "spa"]
    assert languages.languages[1].speaker_ids[0] == 45
    info = await stub.GetServerInfo(pb.GetServerInfoRequest())
    assert (info.version, info.model.name, info.limits.max_streams) == ("1.2.3", "scripted", 4)
    assert info.limits.max_message_bytes == RpcOptions().max_message_bytes


class TestDrain:
    async def test_open_streams_end_by_themselves(
        self, server: RpcServer, stub: Any, service: ScriptedService, channel: grpc.aio.Channel
    ) -> None:
        call, _ = await open_stream(stub, service)
        stopping = asyncio.create_task(server.stop(60))
        assert (await call.read()).go_away.deadline_ms == 60_000
        assert await health(channel, SERVICE_NAME) == NOT_SERVING
        late = stub.StreamingTranslate()
        await late.write(request(config=CONFIG))
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await late.read()
        assert refusal.value.code() == grpc.StatusCode.UNAVAILABLE
        assert len(service.sessions) == 1
        await call.write(request(end=pb.EndInput(total_samples=0)))
        assert (await call.read()).closed.complete
        assert await call.read() is EOF
        await asyncio.wait_for(stopping, 60)

    async def test_streams_that_stay_are_failed_at_the_deadline(
        self, server: RpcServer, stub: Any, service: ScriptedService
    ) -> None:
        call, session = await open_stream(stub, service)
        session.say_closed = lambda *, complete: None  # type: ignore[method-assign]
        began_s = time.monotonic()
        stopping = asyncio.create_task(server.stop(1.0))
        assert (await call.read()).WhichOneof("event") == "go_away"
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await call.read()
        assert failure.value.code() == grpc.StatusCode.UNAVAILABLE
        assert time.monotonic() - began_s > 0.9
        await asyncio.wait_for(stopping, 60)
        assert session.cancelled.is_set()


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.org:0"])
async def test_plaintext_stays_on_loopback(service: ScriptedService, address: str) -> None:
    with pytest.raises(InvalidArgument) as refusal:
        RpcServer(service, RpcOptions(address=address))
    assert refusal.value.field == "address"
    RpcServer(service, RpcOptions(address=address, insecure=True))


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:0", "unix:{path}/socket"])
async def test_plaintext_is_served_locally(service: ScriptedService, tmp_path: Any, address: str) -> None:
    async with (
        RpcServer(service, RpcOptions(address=address.format(path=tmp_path))) as server,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        assert await health(channel, "") == SERVING


async def test_a_taken_port_is_refused(service: ScriptedService, server: RpcServer) -> None:
    # with SO_REUSEPORT both would get connections at random
    with pytest.raises(InvalidArgument) as refusal:
        await RpcServer(service, RpcOptions(address=server.target)).start()
    assert refusal.value.field == "address"
    with socket.create_connection(("127.0.0.1", server.port), timeout=1):
        pass


class Passage:
    """Passes bytes on between clients and one server, and counts the connections."""

    def __init__(self, port: int) -> None:
        self.connections = 0
        self._port = port
        self._pumps: set[asyncio.Task[None]] = set()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        for source, sink in ((reader, to_server), (from_server, writer)):
            self._pumps.add(asyncio.create_task(self._pump(source, sink)))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def end(self) -> None:
        await asyncio.gather(*self._pumps, return_exceptions=True)


@pytest.mark.realtime
async def test_no_stream_is_ended_for_its_age(service: ScriptedService) -> None:
    """New calls leave a connection that has grown old, so that clients find new servers. Open ones stay."""
    async with RpcServer(service, RpcOptions(max_connection_age_s=0.5)) as server:
        passage = Passage(server.port)
        async with (
            await asyncio.start_server(passage.accept, "127.0.0.1", 0) as listening,
            grpc.aio.insecure_channel(f"127.0.0.1:{listening.sockets[0].getsockname()[1]}") as channel,
        ):
            stub: Any = pb_grpc.SpeechTranslationStub(channel)  # type: ignore[no-untyped-call]
            call, _ = await open_stream(stub, service)
            before = passage.connections
            while passage.connections == before:  # a new call takes a new connection
                await stub.GetServerInfo(pb.GetServerInfoRequest())
                await asyncio.sleep(0.05)
            await asyncio.sleep(2)
            await call.write(request(end=pb.EndInput(total_samples=0)))
            assert (await call.read()).closed.complete, "the old one lives four times its age"
            assert await call.read() is EOF
        await passage.end()
    assert ("grpc.max_connection_age_ms", 1_800_000) in channel_options(RpcOptions())
