"""The blocking client, in a thread beside the server's event loop."""

from __future__ import annotations

import asyncio
import inspect
import socket
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.rpc.scripted_session import ScriptedService
from tests.waiting import until
from tests.wire import settings_samples
from tests.wire.settings_samples import field_names
from translate_svc import errors
from translate_svc.client import AsyncClient, Client, ClientOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.types import (
    AudioFormat,
    Closed,
    Encoding,
    EndInput,
    Opened,
    Samples,
    SessionEvent,
    SimultaneousSettings,
    StreamConfig,
    StreamSettings,
    TextDelta,
    TranslateRequest,
)

pytestmark = pytest.mark.realtime

QUIET = np.zeros(1600, dtype=np.float32)


async def test_a_stream_from_opened_to_closed(server: RpcServer, service: ScriptedService) -> None:
    def translate() -> list[SessionEvent]:
        with (
            Client(server.target) as client,
            client.stream(targets=["spa"], sample_rate_hz=16_000) as stream,
        ):
            assert stream.opened.session_id == "scripted"
            stream.send(QUIET)
            stream.silence(100)
            stream.finalize()
            stream.end()
            return list(stream)

    events = await asyncio.to_thread(translate)
    assert isinstance(events[0], Opened)
    assert isinstance(events[-1], Closed)
    assert "".join(event.delta for event in events if isinstance(event, TextDelta)) == "uno dos"
    assert service.sessions[0].received[-1] == EndInput(1700)
    await until(lambda: server.live_streams == 0)


async def test_a_whole_config_and_a_whole_request_are_sent_as_they_are(
    server: RpcServer, service: ScriptedService
) -> None:
    speech_format = AudioFormat(Encoding.MULAW, 8_000)
    wanted = StreamConfig(AudioFormat(Encoding.ALAW, 8_000), speech_format, settings_samples.SETTINGS)
    targets = settings_samples.SETTINGS.targets
    request = TranslateRequest("Hi.", targets, speech_format, "eng", guards=settings_samples.GUARDS)

    def translate() -> None:
        with Client(server.target) as client:
            with client.open(wanted) as stream:
                assert stream.opened.config == wanted
            client.call(request).result()

    await asyncio.to_thread(translate)
    assert service.sessions[0].config == wanted
    assert service.calls[0].request == request


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_every_setting_is_a_keyword_of_stream(client: type[Client] | type[AsyncClient]) -> None:
    keywords = {"source" if each == "source_language" else each for each in field_names(StreamSettings)}
    assert keywords <= set(inspect.signature(client.stream).parameters)


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize(
    ("keyword", "sent"),
    [
        (True, SimultaneousSettings()),
        (SimultaneousSettings(step_ms=800), SimultaneousSettings(step_ms=800)),
        (False, None),
        (None, None),
    ],
)
def test_simultaneous_is_a_switch_or_its_settings(
    client: type[Client] | type[AsyncClient],
    keyword: SimultaneousSettings | bool | None,
    sent: SimultaneousSettings | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[StreamConfig] = []
    monkeypatch.setattr(client, "open", lambda _, config, resume=False: opened.append(config))
    client("127.0.0.1:1").stream(targets=["spa"], sample_rate_hz=16_000, simultaneous=keyword)
    assert opened[0].settings.simultaneous == sent


async def test_languages_and_info(server: RpcServer) -> None:
    def ask() -> None:
        with Client(server.target) as client:
            assert [language.code for language in client.languages()] == ["eng", "spa"]
            assert client.info().limits.max_streams == 4

    await asyncio.to_thread(ask)


async def test_feed_sends_while_the_caller_reads(server: RpcServer, service: ScriptedService) -> None:
    def translate() -> SessionEvent:
        with (
            Client(server.target) as client,
            client.stream(targets=["spa"], sample_rate_hz=16_000) as stream,
        ):
            stream.feed(np.zeros(8000, dtype=np.int16) for _ in range(60))
            return list(stream)[-1]

    closed = await asyncio.to_thread(translate)
    assert isinstance(closed, Closed)
    assert closed.complete
    assert service.sessions[0].samples == 480_000


@pytest.mark.parametrize("kind", [OSError, SystemExit])
async def test_a_source_that_breaks_breaks_the_stream(
    kind: type[BaseException], server: RpcServer, service: ScriptedService
) -> None:
    def source() -> Iterator[Samples]:
        yield QUIET
        raise kind("microphone unplugged")

    def translate() -> None:
        with (
            Client(server.target) as client,
            client.stream(targets=["spa"], sample_rate_hz=16_000) as stream,
        ):
            stream.feed(source())
            with pytest.raises(kind, match="unplugged"):
                list(stream)

    await asyncio.to_thread(translate)
    await asyncio.wait_for(service.sessions[0].cancelled.wait(), 60)


async def test_a_refusal_comes_back_as_what_it_was(server: RpcServer, service: ScriptedService) -> None:
    service.refusal = errors.ResourceExhausted("all taken", retry_after_s=2.5)

    def translate() -> None:
        with Client(server.target) as client, pytest.raises(errors.ResourceExhausted) as caught:  # noqa: SIM117
            with client.stream(targets=["spa"], sample_rate_hz=16_000):
                pytest.fail("opened")
        assert caught.value.retry_after_s == 2.5

    await asyncio.to_thread(translate)


async def test_an_error_on_the_way_names_its_field(
    server: RpcServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # what no caller can do: miscount
    monkeypatch.setattr("translate_svc.client.aio.stream.EndInput", lambda total: EndInput(total + 77))

    def translate() -> None:
        with (
            Client(server.target) as client,
            client.stream(targets=["spa"], sample_rate_hz=16_000) as stream,
        ):
            stream.end()
            with pytest.raises(errors.DataLoss) as caught:
                list(stream)
            assert caught.value.field == "end.total_samples"
            with pytest.raises(errors.DataLoss):
                stream.send(QUIET)

    await asyncio.to_thread(translate)


async def test_leaving_early_cancels_the_call_and_its_threads(
    server: RpcServer, service: ScriptedService
) -> None:
    before = set(threading.enumerate())
    client = Client(server.target)  # stays open: closing it would cancel the call, too

    def translate() -> None:
        with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
            stream.feed(QUIET for _ in iter(int, 1))  # endless
            time.sleep(0.1)

    await asyncio.to_thread(translate)
    await asyncio.wait_for(service.sessions[0].cancelled.wait(), 60)
    await until(lambda: server.live_streams == 0)

    def left_over() -> set[threading.Thread]:
        # the client keeps its loop, gRPC one poller, asyncio its worker
        names = ("translate-svc-client", "asyncio_", "poller")
        return {
            thread
            for thread in set(threading.enumerate()) - before
            if not any(name in thread.name for name in names)
        }

    await until(lambda: not left_over())
    client.close()


async def test_cancel_releases_the_sending_and_the_reading_thread(
    server: RpcServer, service: ScriptedService
) -> None:
    def translate() -> None:
        with (
            Client(server.target) as client,
            client.stream(targets=["spa"], sample_rate_hz=16_000) as stream,
        ):
            service.sessions[0].gate.clear()
            threading.Timer(0.2, stream.cancel).start()
            with pytest.raises(errors.TranslateSvcError, match="cancelled"):
                stream.send(np.zeros(8_000_000, dtype=np.float32))
            with pytest.raises(errors.TranslateSvcError, match="cancelled"):
                list(stream)

    await asyncio.to_thread(translate)


def test_nobody_there_is_unavailable() -> None:
    with (
        Client("127.0.0.1:1", ClientOptions(open_timeout_s=1, call_timeout_s=1)) as client,
        pytest.raises(errors.Unavailable),
        client.stream(targets=["spa"], sample_rate_hz=16_000),
    ):
        pytest.fail("opened")


def test_a_server_that_does_not_answer_is_unavailable() -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        with (
            Client(f"127.0.0.1:{mute.getsockname()[1]}", ClientOptions(open_timeout_s=0.3)) as client,
            pytest.raises(errors.Unavailable, match=r"0\.3 s"),
            client.stream(targets=["spa"], sample_rate_hz=16_000),
        ):
            pytest.fail("opened")
