"""``translate`` of both clients against a real server over scripted answers."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import numpy as np
import pytest

from tests.rpc.scripted_session import ScriptedCall, ScriptedService
from tests.waiting import until
from translate_svc import errors
from translate_svc.client import AsyncClient, Client, ClientOptions, Translation
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.server import RpcServer
from translate_svc.types import (
    AudioClip,
    AudioFormat,
    Encoding,
    GuardSettings,
    Inspect,
    ResultEvent,
    SampleRange,
    SpeechChunk,
    StreamWarning,
    TargetSettings,
    TextDelta,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

pytestmark = pytest.mark.realtime

HELLO: dict[str, Any] = {"text": "Hello.", "source": "eng", "targets": ["spa", "fra"]}
NOWHERE = SampleRange(0, 0)


@pytest.fixture
async def client(server: RpcServer) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.target) as opened:
        yield opened


def blocking(server: RpcServer, use: Callable[[Client], Any]) -> Any:
    """``use`` of a blocking client, in a thread."""

    def run() -> Any:
        with Client(server.target) as client:
            return use(client)

    return asyncio.to_thread(run)


def check_hello(translation: Translation) -> None:
    assert translation.text == {"spa": "uno dos", "fra": "uno dos"}
    assert translation.transcript == ""
    assert {code: samples.shape for code, samples in translation.speech.items()} == {
        "spa": (320,),
        "fra": (320,),
    }
    np.testing.assert_allclose(translation.speech["spa"], 0x0201 / 32_768)
    assert translation.speech["spa"].dtype == np.float32
    assert translation.sample_rate_hz == 16_000
    assert translation.done.status is UtteranceStatus.OK


async def test_three_lines_translate_a_text(server: RpcServer) -> None:
    async with AsyncClient(server.target) as client:
        translation = await client.translate(text="Hello.", source="eng", targets=["spa", "fra"]).result()
    check_hello(translation)


async def test_three_lines_translate_a_text_without_an_event_loop(server: RpcServer) -> None:
    check_hello(await blocking(server, lambda client: client.translate(**HELLO).result()))


async def test_events_come_in_their_order(client: AsyncClient, server: RpcServer) -> None:
    kinds = [TextDelta, TextDelta, SpeechChunk] * 2 + [UtteranceDone]
    assert [type(event) async for event in client.translate(**HELLO)] == kinds
    assert await blocking(server, lambda each: [type(event) for event in each.translate(**HELLO)]) == kinds


async def test_everything_that_is_said_arrives(client: AsyncClient, service: ScriptedService) -> None:
    await client.translate(
        samples=np.array([0.5, -0.5], np.float64),
        sample_rate_hz=24_000,
        encoding="pcm_f32le",
        source="en",
        targets=[TargetSettings("spa", speech=False)],
        include=["transcript", Inspect.TIMINGS],
        output=AudioFormat(Encoding.ALAW, 8_000),
        guards=GuardSettings(length_stop=False),
    ).result()
    (call,) = service.calls
    clip = AudioClip(AudioFormat(Encoding.PCM_F32LE, 24_000), np.array([0.5, -0.5], "<f4").tobytes())
    assert call.request.source == clip
    assert call.request.source_language == "en"
    assert call.request.targets == (TargetSettings("spa", speech=False),)
    assert call.request.include == {Inspect.TRANSCRIPT, Inspect.TIMINGS}
    assert call.request.output == AudioFormat(Encoding.ALAW, 8_000)
    assert call.request.guards == GuardSettings(length_stop=False)


async def test_a_long_clip_goes_in_one_piece(client: AsyncClient, service: ScriptedService) -> None:
    samples = np.arange(2**20, dtype=np.int16)
    await client.translate(samples=samples, sample_rate_hz=48_000, targets=[]).result()
    assert isinstance(service.calls[0].request.source, AudioClip)
    assert service.calls[0].request.source.data == samples.astype("<i2").tobytes()


async def test_opus_goes_as_packets(client: AsyncClient, service: ScriptedService) -> None:
    samples = np.zeros(48_000 // 10, np.float32)
    call = client.translate(samples=samples, sample_rate_hz=48_000, encoding="opus", targets=["spa"])
    await call.result()
    clip = service.calls[0].request.source
    assert isinstance(clip, AudioClip)
    assert (len(clip.packets), clip.data) == (6, b"")  # 100 ms, and the encoder's look-ahead


async def test_g722_goes_as_bytes(client: AsyncClient, service: ScriptedService) -> None:
    samples = np.zeros(1_600, np.float32)
    await client.translate(samples=samples, sample_rate_hz=16_000, encoding="g722", targets=["spa"]).result()
    clip = service.calls[0].request.source
    assert isinstance(clip, AudioClip)
    assert clip.format == AudioFormat(Encoding.G722, 16_000)
    assert (len(clip.data), clip.packets) == (6 * 160, ())  # 100 ms, and the encoder's look-ahead


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({}, "input"),
        ({"text": "a", "samples": b"12", "sample_rate_hz": 8_000}, "input"),
        ({"samples": b"12"}, "clip.format.sample_rate_hz"),
        ({"samples": b"123", "sample_rate_hz": 8_000}, "clip.data"),
        ({"samples": np.zeros((4, 20)), "sample_rate_hz": 8_000}, "clip.data"),
        ({"samples": np.array([np.nan]), "sample_rate_hz": 8_000}, "clip.data"),
        ({"samples": b"12", "sample_rate_hz": 8_000, "channels": 0}, "clip.format.channels"),
        ({"samples": b"12", "sample_rate_hz": 8_000, "encoding": "mp3"}, "clip.format.encoding"),
        ({"text": "a", "include": ["tokens", "gossip"]}, "include[1]"),
        ({"text": "a", "targets": "spa"}, "targets"),
        ({"text": "a", "targets": None}, "targets"),
        ({"text": "a", "include": None}, "include"),
        ({"text": "a", "source_candidates": 3}, "source_candidates"),
        ({"text": "a", "source_candidates": "en"}, "source_candidates"),
        ({"text": "a", "terms": 3}, "terms"),
        ({"text": "a", "terms": {"bakery": "tahona"}}, "terms"),  # its values would be lost
        ({"text": "a", "targets": {"spa": TargetSettings("spa", speech=False)}}, "targets"),
    ],
)
async def test_what_cannot_be_sent_is_named_without_asking(
    client: AsyncClient, server: RpcServer, service: ScriptedService, arguments: dict[str, Any], field: str
) -> None:
    wanted: dict[str, Any] = {"targets": ["spa"], **arguments}
    with pytest.raises(errors.InvalidArgument) as caught:
        client.translate(**wanted)
    assert caught.value.field == field
    with pytest.raises(errors.InvalidArgument) as caught:
        Client(server.target).translate(**wanted)
    assert caught.value.field == field
    assert service.calls == []


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"text": "\ud83d"}, "text"),
        ({"text": b"Hello."}, "text"),
        ({"source": b"en"}, "source_language"),
        ({"targets": [b"es"]}, "targets[0].language"),
        ({"source_candidates": [b"en"]}, "source_candidates"),
        ({"terms": [b"Hello"]}, "terms[0].source"),
    ],
)
async def test_what_is_no_text_is_named(
    client: AsyncClient, server: RpcServer, arguments: dict[str, Any], field: str
) -> None:
    wanted: dict[str, Any] = {**HELLO, **arguments}
    for attempt in (
        client.translate(**wanted).result(),
        blocking(server, lambda each: each.translate(**wanted).result()),
    ):
        with pytest.raises(errors.InvalidArgument) as caught:
            await attempt
        assert caught.value.field == field


REFUSALS = [
    errors.InvalidArgument("is not a language", field="targets[0].language"),
    errors.OutOfRange("is too long", field="text"),
    errors.Unsupported("is not served", field="output.encoding"),
    errors.ResourceExhausted("all taken", retry_after_s=2.5),
    errors.Unavailable("draining"),
]


@pytest.mark.parametrize("refusal", REFUSALS, ids=lambda error: type(error).__name__)
async def test_a_refusal_comes_back_as_what_it_was(
    client: AsyncClient, server: RpcServer, service: ScriptedService, refusal: errors.TranslateSvcError
) -> None:
    service.refusal = refusal
    for attempt in (
        client.translate(**HELLO).result(),
        blocking(server, lambda each: each.translate(**HELLO).result()),
    ):
        with pytest.raises(type(refusal)) as caught:
            await attempt
        assert type(caught.value) is type(refusal)
        assert (caught.value.field, caught.value.description) == (refusal.field, refusal.description)


async def test_another_server_answers_where_one_is_gone_or_full(server: RpcServer) -> None:
    full = ScriptedService()
    full.refusal = errors.ResourceExhausted("all taken", retry_after_s=2.5)
    async with RpcServer(full, RpcOptions()) as busy:
        servers = ["127.0.0.1:1", busy.target, server.target]
        async with AsyncClient(servers) as client:
            check_hello(await client.translate(**HELLO).result())

        def translate(addresses: list[str]) -> Translation:
            with Client(addresses) as client:
                return client.translate(**HELLO).result()

        check_hello(await asyncio.to_thread(translate, servers))
        with pytest.raises(errors.ResourceExhausted, match="all taken"):
            await asyncio.to_thread(translate, servers[:2])


async def test_a_call_that_has_begun_is_asked_of_no_other_server(
    server: RpcServer, service: ScriptedService
) -> None:
    service.on_call = _says(
        TextDelta(0, NOWHERE, "spa", "uno", False, transcript=False), errors.Unavailable("draining")
    )
    async with AsyncClient([server.target, server.target]) as client:
        events = aiter(client.translate(**HELLO))
        assert isinstance(await anext(events), TextDelta)
        with pytest.raises(errors.Unavailable, match="draining"):
            await anext(events)
    assert len(service.calls) == 1


def _says(*events: ResultEvent | Exception) -> Callable[[ScriptedCall], None]:
    return lambda call: setattr(call, "script", list(events))


DONE = UtteranceDone(0, NOWHERE, UtteranceStatus.OK, Usage(utterances=1))


async def test_a_failed_translation_is_no_result_but_its_events_can_be_had(
    client: AsyncClient, server: RpcServer, service: ScriptedService
) -> None:
    service.on_call = _says(
        TextDelta(0, NOWHERE, "spa", "uno", False, transcript=False),
        StreamWarning("sequence_failed", "the vocoder failed", 0, "spa"),
        UtteranceDone(0, NOWHERE, UtteranceStatus.FAILED, Usage()),
    )
    with pytest.raises(errors.TranslationFailed, match="the vocoder failed"):
        await client.translate(**HELLO).result()
    with pytest.raises(errors.TranslationFailed, match="the vocoder failed"):
        await blocking(server, lambda each: each.translate(**HELLO).result())
    assert len([event async for event in client.translate(**HELLO)]) == 3


async def test_warnings_and_the_transcript_are_part_of_the_result(
    client: AsyncClient, service: ScriptedService
) -> None:
    warning = StreamWarning("length_stopped", "the text was far too long", 0, "spa")
    service.on_call = _says(
        TextDelta(0, NOWHERE, "eng", " Good", False, transcript=True),
        TextDelta(0, NOWHERE, "spa", "Buenos ", True, transcript=False),
        TextDelta(0, NOWHERE, "eng", " day", True, transcript=True),
        warning,
        DONE,
    )
    result = await client.translate(**HELLO).result()
    assert (result.transcript, result.text, result.warnings) == ("Good day", {"spa": "Buenos"}, (warning,))
    assert result.speech == {}


async def test_a_gap_in_the_speech_is_data_loss(client: AsyncClient, service: ScriptedService) -> None:
    service.on_call = _says(
        SpeechChunk(0, NOWHERE, "spa", 0, bytes(20), False, sample_count=10),
        SpeechChunk(0, NOWHERE, "spa", 11, bytes(20), True, sample_count=10),
        DONE,
    )
    with pytest.raises(errors.DataLoss):
        await client.translate(**HELLO).result()
    await asyncio.wait_for(service.calls[0].cancelled.wait(), 60)


async def test_leaving_the_events_early_cancels_the_call(
    client: AsyncClient, server: RpcServer, service: ScriptedService
) -> None:
    service.on_call = lambda call: setattr(call, "stop_before", 2)
    async for _ in client.translate(**HELLO):
        break
    await asyncio.wait_for(service.calls[0].cancelled.wait(), 60)

    def take_one(each: Client) -> None:
        for _ in each.translate(**HELLO):
            break
        assert wait_for(lambda: service.calls[1].cancelled.is_set())

    await blocking(server, take_one)
    await until(lambda: server.live_streams == 0)


def wait_for(condition: Callable[[], bool]) -> bool:
    for _ in range(6_000):
        if condition():
            return True
        threading.Event().wait(0.01)
    return False


async def test_a_task_that_is_cancelled_cancels_its_call_and_stays_cancelled(
    client: AsyncClient, server: RpcServer, service: ScriptedService
) -> None:
    service.on_call = lambda call: setattr(call, "stop_before", 2)
    task = asyncio.create_task(client.translate(**HELLO).result())
    await until(lambda: server.live_streams == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(service.calls[0].cancelled.wait(), 60)


async def test_a_client_that_is_closed_ends_its_calls(server: RpcServer, service: ScriptedService) -> None:
    service.on_call = lambda call: setattr(call, "stop_before", 2)
    client = AsyncClient(server.target)
    task = asyncio.create_task(client.translate(**HELLO).result())
    await until(lambda: server.live_streams == 1)
    await client.close()
    with pytest.raises(errors.TranslateSvcError, match="cancelled"):
        await task


async def test_nothing_is_sent_before_the_answer_is_used(
    client: AsyncClient, service: ScriptedService
) -> None:
    client.translate(**HELLO)
    gc.collect()
    await asyncio.sleep(0.05)
    assert service.calls == []


async def test_an_answer_that_takes_too_long_is_given_up(service: ScriptedService, server: RpcServer) -> None:
    service.on_call = lambda call: setattr(call, "stop_before", 2)
    options = ClientOptions(translate_timeout_s=0.5)
    async with AsyncClient(server.target, options) as client:
        with pytest.raises(errors.TranslateSvcError, match="DEADLINE_EXCEEDED"):
            await client.translate(**HELLO).result()
    # on a busy machine the call may not have arrived by then
    await until(lambda: all(call.cancelled.is_set() for call in service.calls))
    await until(lambda: server.live_streams == 0)


async def test_nobody_there_is_unavailable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with AsyncClient(f"127.0.0.1:{taken.getsockname()[1]}") as client:
            with pytest.raises(errors.Unavailable):
                await client.translate(**HELLO).result()
