"""Client, transport, session, detector, engine and the starter checkpoint, nothing replaced.

tests/quality checks the translations; these tests check that everything fits together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from tests.clips import texts
from translate_svc.audio.files import read_audio
from translate_svc.audio.resampler import resample
from translate_svc.client import AsyncClient, AsyncStream, SpeechDecoder
from translate_svc.config import Settings
from translate_svc.rpc.server import RpcServer
from translate_svc.service import Service
from translate_svc.types import (
    AudioFormat,
    Closed,
    Encoding,
    Opened,
    Samples,
    SessionEvent,
    SpeechChunk,
    SpeechEnded,
    SpeechStarted,
    TargetSettings,
    TextDelta,
    UtteranceDone,
    UtteranceStatus,
    VadSettings,
)

# the timeout counts the loading of the model, which takes its time on a busy machine
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

PCM = AudioFormat(Encoding.PCM_S16LE, 16_000)
DATA = Path(__file__).resolve().parents[1] / "data"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[RpcServer]:
    async with Service.start(Settings(max_streams=4)) as service, RpcServer(service) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def client(server: RpcServer) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(server.target) as opened:
        yield opened
    # whatever a test did, its streams are gone
    async with asyncio.timeout(60):
        while server.live_streams:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.01)


def clip(name: str) -> Samples:
    samples, rate_hz = read_audio(DATA / f"{name}.flac")
    assert rate_hz == 16_000
    return samples


async def everything(stream: AsyncStream, samples: Samples) -> list[SessionEvent]:
    stream.feed([samples])
    return [event async for event in stream]


def text_of(events: list[SessionEvent], *, transcript: bool = False) -> str:
    deltas = (event for event in events if isinstance(event, TextDelta) and event.transcript is transcript)
    return "".join(delta.delta for delta in deltas)


async def test_speech_comes_back_as_text_and_speech(client: AsyncClient) -> None:
    async with client.stream(
        source="eng",
        targets=["es"],
        sample_rate_hz=16_000,
        include=["transcript", "tokens", "units", "timings"],
    ) as stream:
        events = await everything(stream, clip("eng_1"))
    assert isinstance(events[0], Opened)
    assert events[0].config.settings.targets[0].language == "spa"
    assert isinstance(events[-1], Closed)
    assert events[-1].complete
    (started,) = (event for event in events if isinstance(event, SpeechStarted))
    (ended,) = (event for event in events if isinstance(event, SpeechEnded))
    (done,) = (event for event in events if isinstance(event, UtteranceDone))
    assert started.position == ended.source.start < ended.source.end == done.source.end
    assert done.status is UtteranceStatus.OK
    assert done.timings
    assert done.end_to_first_text_ms is not None
    assert done.end_to_first_audio_ms is not None
    for transcript in (False, True):
        texts = (event for event in events if isinstance(event, TextDelta))
        deltas = [text for text in texts if text.transcript is transcript]
        assert text_of(events, transcript=transcript).strip()
        assert [delta.final for delta in deltas] == [False] * (len(deltas) - 1) + [True]
        assert "".join(token.text for delta in deltas for token in delta.tokens).strip()
    speech = [event for event in events if isinstance(event, SpeechChunk)]
    samples = np.frombuffer(b"".join(chunk.data for chunk in speech), "<i2")
    assert len(samples) == 320 * len(speech[0].units)
    assert done.usage.speech_ms == len(samples) // 16
    assert np.abs(samples).max() > 1000
    position = 0
    for chunk in speech:
        assert chunk.start_sample == position
        position += len(chunk.data) // 2


async def test_two_streams_at_once_say_what_each_says_alone(client: AsyncClient) -> None:
    async def translate(name: str, source: str, target: str) -> tuple[str, str, bytes]:
        async with client.stream(
            source=source, targets=[target], sample_rate_hz=16_000, include=["transcript"]
        ) as stream:
            events = await everything(stream, clip(name))
        speech = b"".join(event.data for event in events if isinstance(event, SpeechChunk))
        return text_of(events), text_of(events, transcript=True), speech

    english, french = ("eng_1", "eng", "deu"), ("fra_1", "fra", "spa")
    together = await asyncio.gather(translate(*english), translate(*french))
    for one, both in zip([await translate(*english), await translate(*french)], together, strict=True):
        assert one[:2] == both[:2]
        first, second = (np.frombuffer(result[2], "<i2").astype(int) for result in (one, both))
        assert len(first) == len(second)
        assert np.abs(first - second).max(initial=0) <= 4  # 1e-4 of full scale, rounded


REFUSALS: dict[str, dict[str, object]] = {
    "config.settings.targets[0].language": {"targets": ["tlh"]},
    "config.settings.targets[1].language": {"targets": ["spa", "es"]},
    "config.settings.targets[0].speaker_id": {"targets": [TargetSettings("spa", speaker_id=9999)]},
    "config.settings.targets[0].duration_factor": {"targets": [TargetSettings("spa", duration_factor=9.0)]},
    "config.settings.targets": {"targets": []},
    "config.settings.source_language": {"include": ["transcript"]},
    "config.settings.vad.min_silence_ms": {"vad": VadSettings(min_silence_ms=100)},
    "config.settings.vad.max_utterance_ms": {"vad": VadSettings(max_utterance_ms=600_000)},
    "config.input.sample_rate_hz": {"sample_rate_hz": 4_000},
    "config.output.sample_rate_hz": {"output": AudioFormat(Encoding.PCM_S16LE, 96_000)},
    "config.output.channels": {"output": AudioFormat(Encoding.PCM_S16LE, 16_000, channels=2)},
}


async def test_samples_are_sent_and_heard_as_opus(client: AsyncClient) -> None:
    """Two channels, of which one is spoken on; cut by ``finalize`` in the middle of a packet."""
    opus = AudioFormat(Encoding.OPUS, 48_000)
    spoken = resample(clip("eng_1"), 16_000, 48_000)
    both = np.stack([np.zeros_like(spoken), spoken], axis=1)
    async with client.stream(
        source="eng",
        targets=["spa"],
        sample_rate_hz=48_000,
        encoding="opus",
        channels=2,
        channel=2,
        output=opus,
        segmentation="manual",
    ) as stream:
        for start in range(0, len(both), 7_000):
            await stream.send(both[start : start + 7_000])
        await stream.finalize()
        await stream.silence(1_000)
        await stream.end()
        sent_samples = stream.total_samples
        events = [event async for event in stream]
    assert 0 < sent_samples - len(spoken) - 1_000 < 960 + 312
    assert text_of(events) == texts("eng_1")["spa"]
    decoder = SpeechDecoder(opus)
    speech = [decoder.decode(event) for event in events if isinstance(event, SpeechChunk)]
    ends = {event.utterance_id: event for event in events if isinstance(event, UtteranceDone)}
    assert [ends[number].status for number in (0, 1)] == [UtteranceStatus.OK, UtteranceStatus.EMPTY]
    assert ends[0].usage.speech_ms == round(sum(map(len, speech)) / 48) > 1_000
    assert np.abs(np.concatenate(speech)).max() > 0.05
    assert isinstance(events[-1], Closed)
    assert events[-1].complete


async def test_languages_and_model_are_the_checkpoints(client: AsyncClient) -> None:
    assert [language.code for language in await client.languages()] == ["deu", "eng", "fra", "spa"]
    info = await client.info()
    assert info.model.name
    assert info.model.revision
    assert info.limits.input_encodings == info.limits.output_encodings == tuple(Encoding)
