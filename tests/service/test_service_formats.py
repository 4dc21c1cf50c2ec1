"""The real service, spoken to and answering in every encoding: the words stay the same."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from tests.clips import sentences, texts
from tests.service.float_streams import F32, clip
from tests.session.harness import check_contract, collect, of
from translate_svc.audio.codecs.table import CODECS, chunk_encoder, codec_of
from translate_svc.audio.resampler import resample
from translate_svc.audio.speech_decoder import SpeechDecoder
from translate_svc.config import Settings
from translate_svc.service import Service
from translate_svc.types import (
    ANONYMOUS,
    AudioFormat,
    AudioInput,
    Encoding,
    EndInput,
    Inspect,
    Samples,
    SessionEvent,
    SpeechChunk,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TextDelta,
)

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Settings(model=str(ROOT / "model_cache" / "starter"), max_streams=8)

RATES_HZ = {Encoding.PCM_S16LE: 44_100, Encoding.MULAW: 8_000, Encoding.ALAW: 8_000}
"""Rates other than 16 kHz, for codecs that take any."""
FORMATS = [
    pytest.param(
        AudioFormat(encoding, codec.sample_rate_hz or RATES_HZ.get(encoding, 16_000)), id=encoding.value
    )
    for encoding, codec in CODECS.items()
    if encoding is not F32.encoding  # which the tests themselves speak
]

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def service() -> AsyncIterator[Service]:
    async with Service.start(SETTINGS) as running:
        yield running


async def _translate(
    service: Service,
    samples: Samples,
    source: str,
    target: TargetSettings,
    audio_format: AudioFormat = F32,
    output: AudioFormat = F32,
) -> list[SessionEvent]:
    """The events of a stream that is sent ``samples`` (16 kHz) in ``audio_format``, 20 ms a message."""
    spoken = resample(samples, 16_000, audio_format.sample_rate_hz)
    encoder, step = chunk_encoder(audio_format), audio_format.sample_rate_hz // 50
    framing = codec_of(audio_format).framing
    settings = StreamSettings((target,), source_language=source, include=frozenset({Inspect.TRANSCRIPT}))
    session = await service.open_session(StreamConfig(audio_format, output, settings), ANONYMOUS)
    reader = asyncio.create_task(collect(session))
    try:
        pieces = [encoder.encode(spoken[start : start + step]) for start in range(0, len(spoken), step)]
        pieces.append(encoder.flush())
        parts = [part for piece in pieces for part in framing.parts(piece) if part]
        for part in parts:
            await session.receive(AudioInput(part))
        total_samples = sum(framing.count_samples(part, audio_format.channels, field="") for part in parts)
        await session.receive(EndInput(total_samples))
        events = await reader
    finally:
        await session.cancel()
    check_contract(events)
    return events


def _texts(events: list[SessionEvent]) -> list[str]:
    """Transcript and translation of each utterance."""
    said: defaultdict[tuple[int, bool], str] = defaultdict(str)
    for delta in of(events, TextDelta):
        said[delta.utterance_id, delta.transcript] += delta.delta
    return [text for _, text in sorted(said.items())]


def _speech(events: list[SessionEvent], output: AudioFormat) -> Samples:
    """What the first utterance came to, as it is heard; at 16 kHz."""
    decoder = SpeechDecoder(output)
    heard = [decoder.decode(chunk) for chunk in of(events, SpeechChunk) if chunk.utterance_id == 0]
    return resample(np.concatenate(heard), output.sample_rate_hz, 16_000)


@pytest.mark.parametrize("audio_format", FORMATS)
async def test_what_is_said_is_understood_in_every_encoding(
    service: Service, audio_format: AudioFormat
) -> None:
    target = TargetSettings("spa", speech=False)
    events = await _translate(service, clip("demo_eng"), "eng", target, audio_format)
    assert _texts(events) == [
        text for each in sentences("demo_eng") for text in (each["translation"], each["transcript"])
    ]


@pytest.mark.parametrize("output", FORMATS)
async def test_what_is_answered_is_understood_in_every_encoding(
    service: Service, output: AudioFormat
) -> None:
    """The speech that comes back is spoken to the service again."""
    events = await _translate(service, clip("eng_2"), "eng", TargetSettings("spa"), output=output)
    speech = _speech(events, output)
    back = await _translate(service, speech, "spa", TargetSettings("eng", speech=False))
    said = texts("eng_2")
    assert _texts(events) == [said["spa"], said["eng"]]
    assert _texts(back) == [said["eng"], said["spa"]]
