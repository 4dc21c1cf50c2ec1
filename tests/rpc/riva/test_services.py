"""Riva's services beside ours: off unless asked for, with the same callers, listed where ours are."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
import riva.client
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from riva.client.proto import riva_asr_pb2, riva_nmt_pb2, riva_tts_pb2

from tests.fakes.model_free_service import ModelFreeService
from tests.rpc.riva.conftest import OPTIONS, auth_of, called, refusal
from tests.rpc.riva.speech import recognition
from tests.waiting import until
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.cli.transports import transport_makers
from translate_svc.config import Settings
from translate_svc.errors import InvalidArgument, Unavailable
from translate_svc.rpc.server import RpcServer
from translate_svc.types import Scope

FILES = (riva_nmt_pb2, riva_asr_pb2, riva_tts_pb2)
SERVICES = [service for file in FILES for service in file.DESCRIPTOR.services_by_name.values()]
SCOPES = {
    "TranslateText": Scope.TRANSLATE,
    "StreamingTranslateSpeechToText": Scope.STREAM,
    "StreamingTranslateSpeechToSpeech": Scope.STREAM,
    "Recognize": Scope.STREAM,
    "StreamingRecognize": Scope.STREAM,
    "Synthesize": Scope.TRANSLATE,
    "SynthesizeOnline": Scope.TRANSLATE,
}
"""What a caller needs; for the other methods it is ``Scope.INFO``."""
METHODS = [(service, method) for service in SERVICES for method in service.methods]


@asynccontextmanager
async def guarded(service: ModelFreeService, folder: Path) -> AsyncIterator[tuple[RpcServer, str]]:
    """A server that asks for keys, and a key."""
    key, file = new_key(), folder / "keys"
    file.write_text(key_line("a", key), "utf-8")
    async with RpcServer(service, OPTIONS, callers=Callers(ApiKeys(file), None)) as server:
        yield server, key


async def answer_of(
    server: RpcServer, service: Any, method: Any, *metadata: tuple[str, str]
) -> grpc.StatusCode:
    """The code of a call of a method with an empty message."""
    async with grpc.aio.insecure_channel(server.target) as channel:
        path, untouched = f"/{service.full_name}/{method.name}", bytes
        call = channel.unary_stream(path, untouched, untouched)(b"", metadata=metadata)
        try:
            async for _ in call:
                pass
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK


async def test_they_are_off_unless_asked_for(service: ModelFreeService) -> None:
    async with RpcServer(service) as server:
        for of, method in METHODS:
            assert await answer_of(server, of, method) is grpc.StatusCode.UNIMPLEMENTED


async def test_no_method_is_open_to_who_has_no_key(service: ModelFreeService, tmp_path: Path) -> None:
    async with guarded(service, tmp_path) as (server, key):
        for of, method in METHODS:
            assert await answer_of(server, of, method) is grpc.StatusCode.UNAUTHENTICATED
        client = riva.client.NeuralMachineTranslationClient(
            auth_of(server, ("authorization", f"Bearer {key}"))
        )
        answer = await called(lambda: client.translate(["Hi."], "", "en", "es"))
        assert answer.translations[0].text == "spa 3"


async def test_health_and_reflection_know_them(server: RpcServer) -> None:
    names = {service.full_name for service in SERVICES}
    async with grpc.aio.insecure_channel(server.target) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        for name in names:
            status = await health.Check(health_pb2.HealthCheckRequest(service=name))
            assert status.status == health_pb2.HealthCheckResponse.SERVING
        reflection: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        questions = [reflection_pb2.ServerReflectionRequest(list_services="")] + [
            reflection_pb2.ServerReflectionRequest(file_containing_symbol=name) for name in names
        ]
        listed, *files = [each async for each in reflection.ServerReflectionInfo(iter(questions))]
    assert names <= {each.name for each in listed.list_services_response.service}
    assert all(each.file_descriptor_response.file_descriptor_proto for each in files)


async def test_a_caller_needs_the_scope_of_what_it_does(service: ModelFreeService, tmp_path: Path) -> None:
    keys, classes = tmp_path / "keys", tmp_path / "callers.toml"
    names = {scope: new_key() for scope in Scope}
    keys.write_text("\n".join(key_line(scope.value, key) for scope, key in names.items()), "utf-8")
    classes.write_text(
        "".join(
            f'[classes.{name}]\nscopes = ["{name}"]\n[callers.{name}]\nclass = "{name}"\n'
            for name in (scope.value for scope in Scope)
        ),
        "utf-8",
    )
    async with RpcServer(service, OPTIONS, callers=Callers(ApiKeys(keys), classes)) as server:
        for of, method in METHODS:
            for scope, key in names.items():
                code = await answer_of(server, of, method, ("authorization", f"Bearer {key}"))
                allowed = scope is SCOPES.get(method.name, Scope.INFO)
                assert (code is not grpc.StatusCode.PERMISSION_DENIED) == allowed, (method.name, scope)


async def test_the_setting_switches_them_on(service: ModelFreeService) -> None:
    (maker,) = transport_makers(Settings(port=0, riva=True))
    server = maker(service)
    await server.start()
    try:
        client = riva.client.NeuralMachineTranslationClient(riva.client.Auth(uri=server.target))
        answer = await called(lambda: client.translate(["Hi."], "", "en", "es"))
        assert answer.translations[0].text == "spa 3"
    finally:
        await server.stop(0, Unavailable("over"))


def test_without_the_package_the_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InvalidArgument, match=r"riva: .* pip install 'translate-svc\[riva\]'"):
        transport_makers(Settings(riva=True))


def call_of(server: RpcServer, ending: threading.Event) -> Any:
    """A stream whose audio goes on until ``ending``."""
    config = riva.client.StreamingTranslateSpeechToTextConfig(
        asr_config=riva.client.StreamingRecognitionConfig(config=recognition()),
        translation_config=riva.client.TranslationConfig(target_language_code="es"),
    )
    request = riva_nmt_pb2.StreamingTranslateSpeechToTextRequest

    def requests() -> Iterator[Any]:
        yield request(config=config)
        yield request(audio_content=bytes(3_200))
        ending.wait(30)

    stub = riva.client.NeuralMachineTranslationClient(auth_of(server)).stub
    return stub.StreamingTranslateSpeechToText(requests())


async def test_a_server_that_leaves_ends_its_streams(server: RpcServer, service: ModelFreeService) -> None:
    ending = threading.Event()
    call = call_of(server, ending)
    try:
        await until(lambda: service.held["admitted"] == 1)
        assert server.live_streams == 1
        await server.stop(0, Unavailable("the server moves"))
        code, message = await refusal(lambda: list(call))
        assert (code, message) == (grpc.StatusCode.UNAVAILABLE, "the server moves")
        assert set(service.held.values()) == {0}
    finally:
        ending.set()


async def test_a_client_that_leaves_leaves_nothing(server: RpcServer, service: ModelFreeService) -> None:
    ending = threading.Event()
    call = call_of(server, ending)
    try:
        await until(lambda: service.held["admitted"] == 1)
        call.cancel()
        await until(lambda: not any(service.held.values()) and not server.live_streams)
    finally:
        ending.set()
