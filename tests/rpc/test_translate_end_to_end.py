"""Translate on the starter checkpoint, nothing replaced: all five tasks, and what it refuses.

Sentences are those of tests/data that the starter knows; how well it does in general is the business of
tests/quality.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import pytest_asyncio

from tests.rpc.guards.invalid_requests import INVALID_REQUESTS
from tests.rpc.test_stream import outcome
from tests.waiting import until
from translate_svc import errors
from translate_svc.audio.codecs.table import CODECS
from translate_svc.audio.files import read_audio
from translate_svc.audio.resampler import resample
from translate_svc.client import AsyncClient, Client
from translate_svc.config import Settings
from translate_svc.rpc.server import RpcServer
from translate_svc.service import Service
from translate_svc.types import AudioFormat, Encoding, Samples, SpeechChunk, TextDelta, UtteranceDone
from translate_svc.v1 import speech_translation_pb2_grpc as pb_grpc

# the timeout counts the loading of the model, which takes its time on a busy machine
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

DATA = Path(__file__).resolve().parents[1] / "data"
CLIPS = {clip["file"]: clip for clip in json.loads((DATA / "clips.json").read_text("utf-8"))["clips"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service() -> AsyncIterator[Service]:
    async with Service.start(Settings(max_streams=4, max_utterance_ms=30_000)) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(service: Service) -> AsyncIterator[RpcServer]:
    async with RpcServer(service) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def client(server: RpcServer, service: Service) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.target) as opened:
        yield opened
    # whatever a test did, nothing of it is left
    await until(
        lambda: not (server.live_streams or service.live_sessions or service.info().load.live_requests)
    )


def read(name: str) -> tuple[Samples, dict[str, Any]]:
    samples, rate_hz = read_audio(DATA / name)
    assert rate_hz == 16_000
    return samples, CLIPS[name]


@pytest.mark.parametrize(
    "name", ["eng_1.flac", "spa_1.flac", "fra_1.flac", "deu_1.flac", "fra_2.flac", "deu_2.flac"]
)
async def test_text_to_text(client: AsyncClient, name: str) -> None:
    known = CLIPS[name]
    translation = await client.translate(
        text=known["transcript"], source=known["source_language"], targets=[known["target_language"]]
    ).result()
    assert translation.text == {known["target_language"]: known["translation"]}
    assert translation.done.usage.source_ms == 0


@pytest.mark.parametrize("name", ["spa_1.flac", "fra_2.flac", "eng_2.flac", "eng_3.flac"])
async def test_text_to_speech_and_the_speech_heard_again(client: AsyncClient, name: str) -> None:
    known = CLIPS[name]
    source, target = known["source_language"], known["target_language"]
    spoken = await client.translate(text=known["transcript"], source=source, targets=[target]).result()
    assert spoken.done.usage.speech_ms == len(spoken.speech[target]) // 16
    heard = await client.translate(
        samples=spoken.speech[target],
        sample_rate_hz=spoken.sample_rate_hz,
        source=target,
        targets=[],
        include=["transcript"],
    ).result()
    assert heard.transcript == known["translation"]
    assert (heard.text, heard.speech) == ({}, {})


@pytest.mark.parametrize("name", ["eng_1.flac", "spa_1.flac", "fra_1.flac", "deu_1.flac"])
async def test_speech_to_speech_to_text_and_transcription(client: AsyncClient, name: str) -> None:
    samples, known = read(name)
    target = known["target_language"]
    translation = await client.translate(
        samples=samples,
        sample_rate_hz=16_000,
        source=known["source_language"],
        targets=[target],
        include=["transcript"],
    ).result()
    assert translation.transcript == known["transcript"]
    assert translation.text == {target: known["translation"]}
    assert np.abs(translation.speech[target]).max() > 0.05
    assert translation.done.usage.source_ms == len(samples) // 16


async def test_a_clip_gives_what_a_stream_of_it_gives(client: AsyncClient) -> None:
    samples, _ = read("eng_2.flac")
    wanted: dict[str, Any] = {
        "source": "eng",
        "targets": ["spa"],
        "sample_rate_hz": 16_000,
        "include": ["transcript", "tokens", "units", "timings"],
    }
    async with client.stream(segmentation="manual", **wanted) as stream:
        stream.feed([samples])
        streamed = [event async for event in stream]
    called = [event async for event in client.translate(samples=samples, **wanted)]

    def tokens(events: list[Any]) -> list[tuple[Any, ...]]:
        deltas = sorted((each for each in events if isinstance(each, TextDelta)), key=lambda d: d.transcript)
        return [
            (each.transcript, each.delta, [(t.token_id, t.source_ms) for t in each.tokens]) for each in deltas
        ]

    def units(events: list[Any]) -> list[int]:
        return [unit for each in events if isinstance(each, SpeechChunk) for unit in each.units]

    assert tokens(called) == tokens(streamed)
    assert any(source_ms for _, _, known_tokens in tokens(called) for _, source_ms in known_tokens)
    assert units(called) == units(streamed)
    (end,) = (event for event in streamed if isinstance(event, UtteranceDone))
    assert isinstance(called[-1], UtteranceDone)
    assert (called[-1].source, called[-1].usage) == (end.source, end.usage)
    stages = [timing.stage for timing in called[-1].timings]
    assert stages == [timing.stage for timing in end.timings if timing.stage != "endpointing"]


@pytest.mark.parametrize("encoding", list(Encoding))
async def test_every_encoding_goes_in_and_comes_out(client: AsyncClient, encoding: Encoding) -> None:
    """In at one rate and a chosen channel, out at another, where it has several; the words survive both."""
    samples, known = read("eng_1.flac")
    codec = CODECS[encoding]
    rate_hz, out_rate_hz = codec.sample_rate_hz or 24_000, codec.sample_rate_hz or 8_000
    spoken_on = resample(samples, 16_000, rate_hz)
    # one codec may code channels together: speech of one channel is then heard in another
    other = resample(read("spa_1.flac")[0], 16_000, rate_hz) * (codec.lookahead_samples == 0)
    channels = min(codec.max_channels, 2)
    both = np.stack([np.resize(other, len(spoken_on)), spoken_on], axis=1)
    spoken = await client.translate(
        samples=both if channels == 2 else spoken_on,
        sample_rate_hz=rate_hz,
        encoding=encoding,
        channels=channels,
        channel=channels,
        source="eng",
        targets=["spa"],
        output=AudioFormat(encoding, out_rate_hz),
    ).result()
    assert spoken.text == {"spa": known["translation"]}
    assert spoken.sample_rate_hz == out_rate_hz
    heard = await client.translate(
        samples=spoken.speech["spa"],
        sample_rate_hz=out_rate_hz,
        source="spa",
        targets=[],
        include=["transcript"],
    ).result()
    assert heard.transcript == known["translation"]


async def test_a_clip_that_lasts_too_long_is_for_a_stream(client: AsyncClient) -> None:
    with pytest.raises(errors.OutOfRange, match="StreamingTranslate") as caught:
        await client.translate(samples=bytes(30 * 16_000 + 2), sample_rate_hz=8_000, targets=["spa"]).result()
    assert caught.value.field == "clip.data"


async def test_the_longest_text_is_bounded_in_characters(client: AsyncClient) -> None:
    limit = (await client.info()).limits.max_text_characters
    assert limit == 10_000
    with pytest.raises(errors.OutOfRange) as caught:
        await client.translate(text="aba " * (limit // 4 + 1), source="eng", targets=["spa"]).result()
    assert caught.value.field == "text"
    assert "aba" not in str(caught.value), "what a caller said is in no message"


async def test_no_sentence_of_a_long_text_is_lost(client: AsyncClient) -> None:
    sentences = [CLIPS[f"eng_{number}.flac"]["transcript"] for number in (1, 2, 3)] * 5
    alone = [
        await client.translate(text=each, source="eng", targets=["spa"]).result() for each in sentences[:3]
    ]
    whole = await client.translate(text=" ".join(sentences), source="eng", targets=["spa"]).result()
    assert whole.text["spa"] == " ".join(each.text["spa"] for each in alone * 5)
    assert whole.done.usage.utterances == 1
    assert whole.done.usage.text_tokens == 5 * sum(each.done.usage.text_tokens for each in alone)
    pauses = (len(sentences) - 1) * round(0.4 * 16_000)
    assert len(whole.speech["spa"]) == 5 * sum(len(each.speech["spa"]) for each in alone) + pauses


async def test_what_is_wrong_is_named_and_harms_no_stream_beside_it(
    client: AsyncClient, server: RpcServer
) -> None:
    samples, known = read("eng_1.flac")
    async with (
        client.stream(source="eng", targets=["spa"], sample_rate_hz=16_000) as stream,
        grpc.aio.insecure_channel(server.target) as channel,
    ):
        await stream.send(samples[:20_000])
        stub: Any = pb_grpc.SpeechTranslationStub(channel)  # type: ignore[no-untyped-call]  # generated
        for call, code, field in INVALID_REQUESTS:
            assert await outcome(stub.Translate(call)) == (code, field)
        await stream.send(samples[20_000:])
        await stream.end()
        text = "".join([event.delta async for event in stream if isinstance(event, TextDelta)])
    assert text.strip() == known["translation"]


async def test_the_blocking_client_does_the_same(server: RpcServer) -> None:
    def translate() -> str:
        with Client(server.target) as client:
            translation = client.translate(
                text=CLIPS["spa_1.flac"]["transcript"], source="spa", targets=["eng"]
            )
            return translation.result().text["eng"]

    assert await asyncio.to_thread(translate) == CLIPS["spa_1.flac"]["translation"]
