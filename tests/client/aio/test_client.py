"""The asynchronous client against a real server over scripted sessions."""

from __future__ import annotations

import asyncio
import gc
import time
import warnings
from collections.abc import AsyncIterator
from typing import Any

import numpy as np
import pytest

from tests.rpc.scripted_session import ScriptedService
from tests.waiting import until
from translate_svc import errors, types
from translate_svc.client import AsyncClient, ClientOptions, pace, stream_settings
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.types import (
    AudioInput,
    ClearInput,
    Closed,
    EndInput,
    FinalizeInput,
    Inspect,
    Opened,
    Samples,
    Segmentation,
    SilenceInput,
    SpeechChunk,
    TargetSettings,
    TextDelta,
    UpdateInput,
    UtteranceDone,
)

pytestmark = pytest.mark.realtime

QUIET = np.zeros(1600, dtype=np.float32)


@pytest.fixture
async def client(server: RpcServer) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.target) as opened:
        yield opened


@pytest.mark.parametrize("variable", ["grpc_proxy", "https_proxy", "http_proxy"])
async def test_a_server_on_this_machine_is_asked_without_a_proxy(
    server: RpcServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    async with AsyncClient(server.target) as client:
        assert await client.languages()


async def test_a_stream_from_opened_to_closed(client: AsyncClient, service: ScriptedService) -> None:
    async with client.stream(
        source="eng", targets=["spa"], sample_rate_hz=16_000, include=["transcript"]
    ) as stream:
        assert stream.opened.session_id == "scripted"
        await stream.send(QUIET)
        await stream.send(b"\x00\x00" * 400)
        await stream.silence(100)
        await stream.finalize()
        await stream.update(stream_settings(targets=[TargetSettings("eng", speech=False)]))
        await stream.clear()
        await stream.end()
        events = [event async for event in stream]
    assert isinstance(events[0], Opened)
    assert isinstance(events[-1], Closed)
    assert events[-1].complete
    assert "".join(event.delta for event in events if isinstance(event, TextDelta)) == "uno dos"
    assert sum(isinstance(event, UtteranceDone) for event in events) == 1
    assert [len(event.data) for event in events if isinstance(event, SpeechChunk)] == [640]
    (session,) = service.sessions
    assert session.config.settings.include == frozenset({Inspect.TRANSCRIPT})
    assert session.config.settings.source_language == "eng"
    kinds = [type(message) for message in session.received]
    assert kinds == [
        AudioInput,
        AudioInput,
        SilenceInput,
        FinalizeInput,
        UpdateInput,
        ClearInput,
        EndInput,
    ]
    assert session.received[-1] == EndInput(total_samples=2100)


async def test_long_audio_goes_in_pieces_that_the_server_takes(
    client: AsyncClient, service: ScriptedService
) -> None:
    ramp = np.linspace(-1, 1, 50_000, dtype=np.float32)
    async with client.stream(targets=["spa"], sample_rate_hz=48_000, encoding="pcm_f32le") as stream:
        await stream.send(ramp)
        await stream.end()
        assert [type(event) async for event in stream][-1] is Closed
    pieces = [message.data for message in service.sessions[0].received if isinstance(message, AudioInput)]
    assert max(map(len, pieces)) <= 16 * 1024
    np.testing.assert_array_equal(np.frombuffer(b"".join(pieces), "<f4"), ramp)


async def test_languages_and_info(client: AsyncClient) -> None:
    english, spanish = await client.languages()
    assert (english.bcp47, spanish.code, spanish.speaker_ids[0]) == ("en", "spa", 45)
    info = await client.info()
    assert (info.version, info.model.license, info.limits.max_streams) == ("1.2.3", "Apache-2.0", 4)


@pytest.mark.parametrize(
    "refusal",
    [
        errors.InvalidArgument("is not a language", field="config.settings.targets[0].language"),
        errors.OutOfRange("too long", field="config.settings.vad.max_utterance_ms"),
        errors.Unsupported("is not served yet", field="config.resume_token"),
        errors.ResourceExhausted("all taken", retry_after_s=2.5),
        errors.DataLoss("torn", field="end.total_samples"),
        errors.Unavailable("draining"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_refusal_comes_back_as_what_it_was(
    client: AsyncClient, service: ScriptedService, refusal: errors.TranslateSvcError
) -> None:
    service.refusal = refusal
    with pytest.raises(type(refusal)) as caught:
        async with client.stream(targets=["spa"], sample_rate_hz=16_000):
            pytest.fail("opened")
    assert type(caught.value) is type(refusal)
    assert (caught.value.field, caught.value.description) == (refusal.field, refusal.description)
    if isinstance(refusal, errors.ResourceExhausted):
        assert isinstance(caught.value, errors.ResourceExhausted)
        assert caught.value.retry_after_s == refusal.retry_after_s


async def test_a_refused_stream_is_tried_again_elsewhere_before_it_fails(
    client: AsyncClient, service: ScriptedService
) -> None:
    service.refusal = errors.Unavailable("draining")
    asyncio.get_running_loop().call_later(0.05, setattr, service, "refusal", None)
    async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
        assert stream.opened.session_id == "scripted"


async def test_an_error_on_the_way_reaches_the_reader_with_its_field(client: AsyncClient) -> None:
    async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
        stream._audio.total_samples = 77  # what no caller can do: miscount
        await stream.end()
        with pytest.raises(errors.DataLoss) as caught:
            _ = [event async for event in stream]
    assert caught.value.field == "end.total_samples"


async def test_an_incident_is_told_by_its_id(client: AsyncClient, service: ScriptedService) -> None:
    async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
        service.sessions[0].say(ZeroDivisionError("secret"))
        with pytest.raises(errors.TranslateSvcError, match=r"INTERNAL: .*incident [0-9a-f]{16}"):
            _ = [event async for event in stream]


async def test_sending_on_a_dead_call_says_why_it_died(client: AsyncClient, service: ScriptedService) -> None:
    # gRPC itself says InvalidStateError
    async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
        service.sessions[0].say(errors.OutOfRange("too long", field="silence.samples"))
        await until(lambda: stream._connection.done)
        with pytest.raises(errors.OutOfRange) as caught:
            await stream.send(QUIET)
    assert caught.value.field == "silence.samples"


async def test_sending_after_the_end_says_that_it_has_ended(client: AsyncClient) -> None:
    async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
        await stream.end()
        _ = [event async for event in stream]
        with pytest.raises(errors.TranslateSvcError, match="ended"):
            await stream.send(QUIET)


async def test_a_timeout_while_reading_costs_no_event(client: AsyncClient, service: ScriptedService) -> None:
    # gRPC itself would cancel the call
    async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
        assert isinstance(await anext(stream), Opened)
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(stream), 0.02)
        service.sessions[0].say(types.GoAway(5))
        assert await asyncio.wait_for(anext(stream), 60) == types.GoAway(5)


async def test_who_reads_beside_another_reader_is_told_and_costs_that_one_nothing(
    client: AsyncClient, service: ScriptedService
) -> None:
    async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
        assert isinstance(await anext(stream), Opened)
        first = asyncio.ensure_future(anext(stream))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="one at a time"):
            await anext(stream)
        for seconds in (5, 6):
            service.sessions[0].say(types.GoAway(seconds))
        assert await asyncio.wait_for(first, 60) == types.GoAway(5)
        assert await asyncio.wait_for(anext(stream), 60) == types.GoAway(6)


async def test_a_timeout_while_sending_costs_no_audio(client: AsyncClient, service: ScriptedService) -> None:
    async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
        (session,) = service.sessions
        session.gate.clear()

        async def fill() -> None:
            while True:
                await stream.send(np.zeros(8000, dtype=np.float32))

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(fill(), 0.3)
        session.gate.set()
        await stream.end()  # the server counts, too
        assert [type(event) async for event in stream][-1] is Closed
        assert session.samples == stream.total_samples


# the server does not read on, so the write stays where it is until it fails
@pytest.mark.parametrize("options", [RpcOptions(discard_limit_bytes=0)])
async def test_a_write_that_fails_after_its_timeout_is_told_by_the_next(
    client: AsyncClient, service: ScriptedService
) -> None:
    async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
        (session,) = service.sessions
        session.gate.clear()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.send(np.zeros(800_000, dtype=np.float32)), 0.3)
        session.say(errors.OutOfRange("too long", field="audio"))
        with pytest.raises(errors.OutOfRange):
            await stream.send(QUIET)


async def test_leaving_early_cancels_the_call(
    client: AsyncClient, service: ScriptedService, server: RpcServer
) -> None:
    async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
        await stream.send(QUIET)
        before = {task for task in asyncio.all_tasks() if "AsyncStream" in str(task.get_coro())}
    await asyncio.wait_for(service.sessions[0].cancelled.wait(), 60)
    await until(lambda: server.live_streams == 0)
    gc.collect()
    assert all(task.done() for task in before)


async def test_leaving_while_another_task_begins_to_send(client: AsyncClient) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
            sending = asyncio.create_task(stream.send(QUIET))
            await asyncio.sleep(0)  # the task that writes exists, and has not run yet
            assert stream._write_task is not None
        with pytest.raises(errors.TranslateSvcError, match="cancelled"):
            await sending
        del stream, sending
        await asyncio.sleep(0)  # lets go of the exceptions that hold its frames
        gc.collect()
    assert not warned  # of a coroutine that nobody awaited


async def test_a_cancelled_task_leaves_no_stream(
    client: AsyncClient, service: ScriptedService, server: RpcServer
) -> None:
    async def listen() -> None:
        async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
            async for _ in stream:
                pass

    listening = asyncio.create_task(listen())
    await until(lambda: bool(service.sessions))
    listening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await listening
    await asyncio.wait_for(service.sessions[0].cancelled.wait(), 60)
    await until(lambda: server.live_streams == 0)


async def test_cancel_tells_the_reader(client: AsyncClient) -> None:
    async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
        asyncio.get_running_loop().call_later(0.05, stream.cancel)
        with pytest.raises(errors.TranslateSvcError, match="cancelled"):
            _ = [event async for event in stream]


class TestFeed:
    async def test_sends_all_while_the_caller_reads(
        self, client: AsyncClient, service: ScriptedService
    ) -> None:
        samples = np.zeros(4000, dtype=np.float32)
        began_s = time.monotonic()
        async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
            stream.feed(pace(samples, 16_000, 20))
            assert [type(event) async for event in stream][-1] is Closed
        assert time.monotonic() - began_s >= 0.25  # 4000 samples at their own pace
        assert service.sessions[0].samples == 4000

    async def test_a_source_that_breaks_breaks_the_stream(
        self, client: AsyncClient, service: ScriptedService
    ) -> None:
        def broken() -> list[Samples]:
            raise OSError("microphone unplugged")

        async def source() -> AsyncIterator[Samples]:
            yield QUIET
            broken()

        async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
            stream.feed(source())
            with pytest.raises(OSError, match="unplugged"):
                _ = [event async for event in stream]
        await asyncio.wait_for(service.sessions[0].cancelled.wait(), 60)

    async def test_a_source_that_is_cancelled_leaves_nobody_waiting(self, client: AsyncClient) -> None:
        """Audio of another task, for example, that the program has cancelled."""

        async def source() -> AsyncIterator[Samples]:
            yield QUIET
            raise asyncio.CancelledError

        async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream, asyncio.timeout(60):
            stream.feed(source())
            with pytest.raises(errors.TranslateSvcError, match="was fed was cancelled"):
                _ = [event async for event in stream]

    async def test_an_error_of_the_server_is_the_readers_whatever_is_being_written(
        self, client: AsyncClient, service: ScriptedService
    ) -> None:
        # grpc.aio replaces the status by INTERNAL when it arrives during a write: about one time in three
        for _ in range(10):
            async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
                stream.feed(QUIET for _ in range(10_000))
                service.sessions[-1].say(errors.OutOfRange("too long", field="audio"))
                with pytest.raises(errors.OutOfRange) as caught:
                    _ = [event async for event in stream]
            assert caught.value.field == "audio"


class TestDrain:
    async def test_the_goodbye_is_an_event_and_then_unavailable(
        self, client: AsyncClient, server: RpcServer
    ) -> None:
        async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
            stopping = asyncio.create_task(server.stop(1.0))
            assert isinstance(await anext(stream), Opened)
            assert await anext(stream) == types.GoAway(1_000)
            with pytest.raises(errors.Unavailable):
                await anext(stream)
        await stopping


async def test_nobody_there_is_unavailable() -> None:
    async with AsyncClient("127.0.0.1:1", ClientOptions(open_timeout_s=1, call_timeout_s=1)) as client:
        with pytest.raises(errors.Unavailable):
            async with client.stream(targets=["spa"], sample_rate_hz=16_000):
                pytest.fail("opened")
        with pytest.raises(errors.Unavailable):
            await client.info()


async def test_a_server_that_is_ending_is_said_to_be(client: AsyncClient, server: RpcServer) -> None:
    await server.set_serving(False)
    said = f"{server.target} takes nothing new: it is ending"
    with pytest.raises(errors.Unavailable) as caught:
        await client.info()
    assert caught.value.description == said
    with pytest.raises(errors.Unavailable) as caught:
        async with client.stream(targets=["spa"], sample_rate_hz=16_000):
            pytest.fail("opened")
    assert caught.value.description == said


async def test_a_server_that_does_not_answer_is_unavailable(service: ScriptedService) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)

    accepted: list[asyncio.StreamWriter] = []
    mute = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = mute.sockets[0].getsockname()[1]
    async with AsyncClient(f"127.0.0.1:{port}", ClientOptions(open_timeout_s=0.3)) as client:
        began_s = time.monotonic()
        with pytest.raises(errors.Unavailable, match=r"0\.3 s"):
            async with client.stream(targets=["spa"], sample_rate_hz=16_000):
                pytest.fail("opened")
        assert time.monotonic() - began_s < ClientOptions().open_timeout_s
    mute.close()
    for writer in accepted:
        writer.close()


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"include": ["transcript", "smell"]}, "config.settings.include[1]"),
        ({"segmentation": "guess"}, "config.settings.segmentation"),
        ({"encoding": "mp3"}, "config.input.encoding"),
        ({"sample_rate_hz": 16_000.0}, "config.input.sample_rate_hz"),
        ({"sample_rate_hz": "16000"}, "config.input.sample_rate_hz"),
        ({"channels": 2.0}, "config.input.channels"),
        ({"channels": 2, "channel": None}, "config.input.channel"),
    ],
)
async def test_what_no_message_can_hold_is_refused_before_anything_is_sent(
    client: AsyncClient, service: ScriptedService, arguments: dict[str, object], field: str
) -> None:
    with pytest.raises(errors.InvalidArgument) as caught:
        client.stream(**{"targets": ["spa"], "sample_rate_hz": 16_000} | arguments)  # type: ignore[arg-type]
    assert caught.value.field == field
    assert not service.sessions


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"vad": {"threshold": 0.3}}, "vad"),
        ({"vad": types.VadSettings(min_silence_ms="300")}, "vad.min_silence_ms"),  # type: ignore[arg-type]
        ({"guards": True}, "guards"),
        ({"beam_search": "4"}, "beam_search"),
        ({"simultaneous": "yes"}, "simultaneous"),
        ({"targets": ["spa", 3]}, "targets[1].language"),
        ({"targets": [TargetSettings("spa", speaker_id=2**40)]}, "targets[0].speaker_id"),
        ({"terms": [7], "source": "eng"}, "terms[0].source"),
        ({"source": 3}, "source_language"),
    ],
)
async def test_a_setting_of_the_wrong_kind_is_refused_by_its_field(
    client: AsyncClient, service: ScriptedService, arguments: dict[str, Any], field: str
) -> None:
    of_stream: dict[str, Any] = {"targets": ["spa"], "sample_rate_hz": 16_000} | arguments
    with pytest.raises(errors.InvalidArgument) as caught:
        async with client.stream(**of_stream):
            pytest.fail("opened")
    assert caught.value.field == f"config.settings.{field}"
    assert not service.sessions
    if field not in ("vad", "vad.min_silence_ms", "simultaneous"):
        with pytest.raises(errors.InvalidArgument) as caught:
            await client.translate(
                **{"targets": ["spa"], "source": "eng", "text": "Hi."} | arguments
            ).result()
        assert caught.value.field == field


@pytest.mark.parametrize("target", ["", [], ["127.0.0.1:1", ""], 3, b"127.0.0.1:1", ["127.0.0.1:1", 3]])
async def test_an_address_that_is_none_is_refused(target: Any) -> None:
    with pytest.raises(errors.InvalidArgument, match="target"):
        AsyncClient(target)


@pytest.mark.parametrize("resume", [False, True])
async def test_a_stream_that_was_left_says_that_it_was_cancelled(client: AsyncClient, resume: bool) -> None:
    async with client.stream(targets=["spa"], sample_rate_hz=16_000, resume=resume) as stream:
        pass
    with pytest.raises(errors.TranslateSvcError) as caught:
        await stream.send(QUIET)
    assert str(caught.value) == "the stream was cancelled"


async def test_a_client_that_is_closed_connects_no_more(client: AsyncClient) -> None:
    await client.close()
    with pytest.raises(errors.TranslateSvcError, match="the client is closed"):
        await client.info()
    with pytest.raises(errors.TranslateSvcError, match="the client is closed"):
        client.stream(targets=["spa"], sample_rate_hz=16_000)
    with pytest.raises(errors.TranslateSvcError, match="the client is closed"):
        client.translate(text="Hi.", source="eng", targets=["spa"])


async def test_a_client_says_that_it_belongs_to_another_event_loop(client: AsyncClient) -> None:
    await client.info()
    with pytest.raises(RuntimeError, match="belongs to another event loop"):
        await asyncio.to_thread(asyncio.run, client.info())


async def test_settings_may_be_said_by_their_names() -> None:
    settings = stream_settings(targets=["spa"], segmentation="manual", include=["tokens"])
    assert settings.segmentation is Segmentation.MANUAL
    assert settings.include == frozenset({Inspect.TOKENS})


class TestSlowServer:
    @pytest.fixture
    def options(self) -> RpcOptions:
        return RpcOptions(write_timeout_s=0.3, abort_timeout_s=0.2)

    async def test_a_client_that_never_reads_is_evicted(
        self, client: AsyncClient, service: ScriptedService
    ) -> None:
        async with client.stream(targets=["spa"], sample_rate_hz=16_000) as stream:
            (session,) = service.sessions
            for number in range(100):
                session.say(
                    SpeechChunk(0, types.SampleRange(0, 1), "spa", number * 8000, bytes(16_000), final=False)
                )
            await asyncio.wait_for(session.cancelled.wait(), 60)
            with pytest.raises(errors.TranslateSvcError):
                _ = [event async for event in stream]
