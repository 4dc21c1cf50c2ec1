"""What a command asks of a server reaches it whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.rpc.scripted_session import ScriptedCall, ScriptedService
from tests.wire import settings_samples
from translate_svc.cli.backends.backend import Translator, choose_backend
from translate_svc.cli.backends.remote_backend import RemoteBackend
from translate_svc.cli.exit_codes import UsageError
from translate_svc.cli.targets import SPEECH_FORMAT
from translate_svc.client import ClientOptions
from translate_svc.errors import Unavailable
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.types import (
    AudioFormat,
    Encoding,
    Inspect,
    Opened,
    StreamConfig,
    TranslateRequest,
    UtteranceDone,
)


@pytest.fixture
def service() -> ScriptedService:
    return ScriptedService()


@pytest.fixture
async def translator(service: ScriptedService) -> AsyncIterator[Translator]:
    async with (
        RpcServer(service, RpcOptions()) as server,
        RemoteBackend(server.target).open() as opened,
    ):
        yield opened


class TestRemoteTranslator:
    async def test_every_setting_of_a_stream_arrives(
        self, translator: Translator, service: ScriptedService
    ) -> None:
        async with translator.stream(settings_samples.SETTINGS, 44_100) as stream:
            opened = await anext(aiter(stream))
        wanted = StreamConfig(
            AudioFormat(Encoding.PCM_S16LE, 44_100), SPEECH_FORMAT, settings_samples.SETTINGS
        )
        assert service.sessions[0].config == wanted
        assert opened == Opened("scripted", wanted)

    async def test_every_setting_of_a_call_arrives(
        self, translator: Translator, service: ScriptedService
    ) -> None:
        request = TranslateRequest(
            "Good morning.",
            settings_samples.SETTINGS.targets,
            AudioFormat(Encoding.MULAW, 8_000),
            source_language="eng",
            include=frozenset({Inspect.TOKENS}),
            guards=settings_samples.GUARDS,
        )
        events = [event async for event in translator.translate(request)]
        assert service.calls[0].request == request
        assert isinstance(events[-1], UtteranceDone)

    async def test_a_call_may_take_longer_than_a_programs_deadline(self, service: ScriptedService) -> None:
        """A hundred sentences are minutes of work on a slow machine."""

        def slowly(call: ScriptedCall) -> None:
            call.stop_before = 1
            asyncio.get_running_loop().call_later(1.0, call.gate.set)

        service.on_call = slowly
        options = ClientOptions(translate_timeout_s=0.2)
        request = TranslateRequest("Good morning.", settings_samples.SETTINGS.targets, SPEECH_FORMAT)
        async with (
            RpcServer(service, RpcOptions()) as server,
            RemoteBackend(server.target, options).open() as it,
        ):
            events = [event async for event in it.translate(request)]
        assert isinstance(events[-1], UtteranceDone)


class TestRemoteBackend:
    async def test_languages_are_those_of_the_server(self, service: ScriptedService) -> None:
        async with RpcServer(service, RpcOptions()) as server:
            table = await RemoteBackend(server.target).languages()
        assert [language.code for language in table] == ["eng", "spa"]

    async def test_a_proxy_is_named_where_it_may_be_why(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
        with pytest.raises(Unavailable) as caught:
            await RemoteBackend("192.0.2.7:1").languages()
        said = "not reachable (https_proxy names a proxy, no_proxy servers to reach without it)"
        assert caught.value.description == f"192.0.2.7:1: {said}"

    async def test_a_server_that_is_not_there_is_named(self) -> None:
        with pytest.raises(Unavailable) as caught:
            await RemoteBackend("127.0.0.1:1").languages()
        assert caught.value.description == "127.0.0.1:1: not reachable"
        with pytest.raises(Unavailable) as caught:
            await RemoteBackend("unix:/no such/x.sock").languages()
        assert caught.value.description == "unix:/no such/x.sock: not reachable"
        with pytest.raises(Unavailable) as caught:
            await RemoteBackend("no-such-host.invalid:1").languages()
        said = "no-such-host.invalid:1: is not the name of a machine that can be found"
        assert caught.value.description == said


async def test_of_several_servers_any_one_tells_model_and_languages(service: ScriptedService) -> None:
    async with RpcServer(service, RpcOptions()) as server:
        backend = choose_backend(f"127.0.0.1:1, {server.target}", {}, ClientOptions())
        assert (await backend.model()) == service.info().model
        assert len(await backend.languages()) == len(list(service.languages()))


async def test_of_several_servers_the_first_that_takes_a_stream_has_it(service: ScriptedService) -> None:
    async with RpcServer(service, RpcOptions()) as server:
        backend = RemoteBackend(f"127.0.0.1:1,{server.target}")
        async with backend.open() as several, several.stream(settings_samples.SETTINGS, 16_000) as stream:
            assert isinstance(await anext(aiter(stream)), Opened)
        assert [language.code for language in await backend.languages()] == ["eng", "spa"]


@pytest.mark.parametrize("server", ["a:1,", "a:1,b", ",", "a:1,b:2:", "http://a:1"])
def test_each_address_of_several_is_checked(server: str) -> None:
    with pytest.raises(UsageError):
        choose_backend(server, {}, ClientOptions())
