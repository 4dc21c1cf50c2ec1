"""Who has no key gets nothing but the health of the server; who has one is known by its name."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from tests.rpc.conftest import CONFIG, request
from tests.rpc.scripted_session import ScriptedCall, ScriptedService, ScriptedSession
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.client import AsyncClient, Client, ClientOptions
from translate_svc.errors import InvalidArgument, Unauthenticated
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.types import Caller, StreamConfig, TranslateRequest
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.v1 import speech_translation_pb2_grpc as pb_grpc

KEY, OTHER = new_key(), new_key()
CHECK_S = 0.2
BAD_METADATA: list[tuple[tuple[str, str], ...]] = [
    (),
    (("authorization", f"Bearer {new_key()}"),),
    (("authorization", KEY),),
    (("authorization", f"Basic {KEY}"),),
    (("authorization", "Bearer "),),
    (("authorization", f"Bearer {KEY}"), ("authorization", f"Bearer {KEY}")),
    (("x-api-key", KEY),),
]


class CallerRecorder(ScriptedService):
    """Notes who came in."""

    def __init__(self) -> None:
        super().__init__()
        self.callers: list[str] = []

    async def open_session(
        self, config: StreamConfig, caller: Caller, audio_patience_s: float = 0.0
    ) -> ScriptedSession:
        self.callers.append(caller.name)
        return await super().open_session(config, caller)

    async def translate(self, request: TranslateRequest, caller: Caller) -> ScriptedCall:
        self.callers.append(caller.name)
        return await super().translate(request, caller)


@pytest.fixture
def service() -> CallerRecorder:
    return CallerRecorder()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.write_text("\n".join([key_line("alice", KEY), key_line("bob", OTHER)]))
    return path


@pytest.fixture
async def server(service: CallerRecorder, file: Path) -> AsyncIterator[RpcServer]:
    options = RpcOptions(revocation_check_s=CHECK_S)
    async with RpcServer(service, options, callers=Callers(ApiKeys(file))) as running:
        yield running


def info_of(error: grpc.aio.AioRpcError) -> Any:
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info


async def calls(channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """A call of every method that must not be had for nothing, by its name."""
    stub: Any = pb_grpc.SpeechTranslationStub(channel)  # type: ignore[no-untyped-call]  # generated
    reflection: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    unknown: Any = channel.unary_unary(
        "/translate_svc.v1.SpeechTranslation/Nothing", request_serializer=None, response_deserializer=None
    )
    opened = stub.StreamingTranslate(metadata=metadata)
    described = reflection.ServerReflectionInfo(metadata=metadata)
    return {
        "StreamingTranslate": opened.read(),
        "Translate": stub.Translate(pb.TranslateRequest(text="x"), metadata=metadata).read(),
        "ListLanguages": stub.ListLanguages(pb.ListLanguagesRequest(), metadata=metadata),
        "GetServerInfo": stub.GetServerInfo(pb.GetServerInfoRequest(), metadata=metadata),
        "ServerReflectionInfo": described.read(),
        "unknown": unknown(b"", metadata=metadata),
    }


@pytest.mark.parametrize("metadata", BAD_METADATA)
async def test_without_a_key_there_is_nothing_to_be_had(
    channel: grpc.aio.Channel,
    service: CallerRecorder,
    metadata: tuple[tuple[str, str], ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.DEBUG):
        for name, answer in (await calls(channel, metadata)).items():
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await asyncio.wait_for(answer, 60)
            assert refusal.value.code() == grpc.StatusCode.UNAUTHENTICATED, name
            info = info_of(refusal.value)
            assert (info.reason, info.domain) == ("UNAUTHENTICATED", "translate_svc")
            assert KEY not in str(refusal.value)
    assert service.callers == []
    assert "tsvc_" not in caplog.text, "no key, valid or not, is logged"


async def test_health_is_told_to_everybody(channel: grpc.aio.Channel) -> None:
    stub: Any = health_pb2_grpc.HealthStub(channel)
    for metadata in BAD_METADATA:
        answer = await stub.Check(health_pb2.HealthCheckRequest(), metadata=metadata)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_a_key_names_the_caller_of_each_call(server: RpcServer, service: CallerRecorder) -> None:
    async def talk(key: str) -> None:
        async with AsyncClient(server.target, ClientOptions(api_key=key)) as client:
            async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
                await stream.end()
                assert [event async for event in stream]
            answer = client.translate(text="Good morning.", source="eng", targets=["spa"])
            assert (await answer.result()).text["spa"] == "uno dos"
            assert (await client.info()).version == "1.2.3"
            assert len(await client.languages()) == 2

    await asyncio.gather(talk(KEY), talk(OTHER))
    assert sorted(service.callers) == ["alice", "alice", "bob", "bob"]


async def test_reflection_is_had_with_a_key(channel: grpc.aio.Channel) -> None:
    stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
    call = stub.ServerReflectionInfo(metadata=(("authorization", f"bearer {KEY}"),))
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    names = [each.name for each in (await call.read()).list_services_response.service]
    assert "translate_svc.v1.SpeechTranslation" in names
    call.cancel()


async def test_a_refusal_comes_back_as_what_it_was(server: RpcServer) -> None:
    async with AsyncClient(server.target, ClientOptions(api_key=new_key())) as client:
        with pytest.raises(Unauthenticated):
            await client.info()
        with pytest.raises(Unauthenticated):
            async with client.stream(targets=["spa"], sample_rate_hz=16_000):
                pass


async def _read_to_its_end(call: Any) -> None:
    async with asyncio.timeout(60):
        while True:
            await call.read()


async def test_a_revoked_key_opens_nothing_more_and_what_it_opened_ends(
    channel: grpc.aio.Channel, service: CallerRecorder, file: Path
) -> None:
    stub: Any = pb_grpc.SpeechTranslationStub(channel)  # type: ignore[no-untyped-call]  # generated
    alice, bob = ((("authorization", f"Bearer {key}"),) for key in (KEY, OTHER))
    opened = []
    for metadata in (alice, bob):
        call = stub.StreamingTranslate(metadata=metadata)
        await call.write(request(config=CONFIG))
        assert (await call.read()).WhichOneof("event") == "opened"
        opened.append(call)
    file.write_text(key_line("bob", OTHER))  # noqa: ASYNC240
    with pytest.raises(grpc.aio.AioRpcError) as refusal:
        await stub.GetServerInfo(pb.GetServerInfoRequest(), metadata=alice)
    assert refusal.value.code() == grpc.StatusCode.UNAUTHENTICATED
    revoked, other = opened
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await _read_to_its_end(revoked)
    assert ended.value.code() == grpc.StatusCode.UNAUTHENTICATED
    assert "revoked" in (ended.value.details() or "")
    await asyncio.sleep(3 * CHECK_S)
    await other.write(request(end=pb.EndInput(total_samples=0)))
    assert (await other.read()).closed.complete
    assert service.callers == ["alice", "bob"]


class TestTheClientsSide:
    @pytest.mark.parametrize(
        "target", ["example.org:443", "192.0.2.1:1", "dns:///example.org:1", "[2001:db8::1]:1"]
    )
    def test_a_key_does_not_leave_the_machine_in_plaintext(self, target: str) -> None:
        for make in (AsyncClient, Client):
            with pytest.raises(InvalidArgument) as refusal:
                make(target, ClientOptions(api_key=KEY))
            assert refusal.value.field == "api_key"
            assert KEY not in str(refusal.value)
        AsyncClient(target, ClientOptions(api_key=KEY, insecure=True))
        AsyncClient(target, ClientOptions(api_key=KEY, credentials=grpc.ssl_channel_credentials()))
        AsyncClient(target)

    @pytest.mark.parametrize(
        "target", ["localhost:1", "127.0.0.1:1", "[::1]:1", "unix:/run/x", "dns:///localhost:1"]
    )
    def test_on_the_machine_it_may(self, target: str) -> None:
        AsyncClient(target, ClientOptions(api_key=KEY))

    def test_it_is_not_shown(self) -> None:
        assert KEY not in repr(ClientOptions(api_key=KEY))

    @pytest.mark.parametrize("key", ["two words", "new\nline", "ключ"])
    def test_what_is_no_key_is_refused_before_grpc_sees_it(self, key: str) -> None:
        with pytest.raises(InvalidArgument) as refusal:
            ClientOptions(api_key=key)
        assert refusal.value.field == "api_key"
        assert key not in str(refusal.value)
