"""Speech that Riva's client hears in another language."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import riva.client
import soundfile
from riva.client.proto import riva_asr_pb2 as asr
from riva.client.proto import riva_nmt_pb2 as nmt
from riva.client.proto.riva_audio_pb2 import AudioEncoding

from tests.fakes.model_free_service import ModelFreeService
from tests.rpc.riva.conftest import auth_of, listed, refusal
from tests.rpc.riva.speech import RATE_HZ, chunks, encoded, recognition, samples_of, tone, wav_file
from translate_svc.client import AsyncClient
from translate_svc.rpc.server import RpcServer
from translate_svc.types import TargetSettings

INVALID, OUT_OF_RANGE = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE
PCM = AudioEncoding.LINEAR_PCM
TONE = encoded(tone(), PCM)
SPEECH_MS = 1_500
"""Of the scripted engine, for each utterance."""


def config(target: str = "es-US", **fields: Any) -> nmt.StreamingTranslateSpeechToSpeechConfig:
    usual = {"encoding": PCM, "sample_rate_hz": RATE_HZ, "language_code": target}
    return nmt.StreamingTranslateSpeechToSpeechConfig(
        asr_config=asr.StreamingRecognitionConfig(config=recognition(), interim_results=True),
        translation_config=nmt.TranslationConfig(
            source_language_code="en-US", target_language_code=target, model_name="s2s_model"
        ),
        tts_config=nmt.SynthesizeSpeechConfig(**(usual | fields)),
    )


async def spoken(server: RpcServer, audio: Any, wanted: Any) -> bytes:
    client = riva.client.NeuralMachineTranslationClient(auth_of(server))
    responses = await listed(lambda: client.streaming_s2s_response_generator(audio, wanted))
    assert all(response.speech.audio for response in responses), "Riva's program takes none for the end"
    return b"".join(response.speech.audio for response in responses)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("speaker", [None, 1])
async def test_it_is_the_speech_that_our_own_client_hears(
    starter: RpcServer, tmp_path: Path, speaker: int | None
) -> None:
    """Sent as Riva's program does: the whole file, a hundred samples in a message."""
    samples = np.concatenate([samples_of("eng_1", 1.0), samples_of("eng_3")])
    file = wav_file(tmp_path, samples)
    wanted = config(voice_name="" if speaker is None else f"es.{speaker}")
    wanted.asr_config.config.encoding = wanted.asr_config.config.sample_rate_hertz = 0
    heard = await spoken(starter, riva.client.AudioChunkFileIterator(file, 100), wanted)
    async with AsyncClient(starter.target) as client:
        targets = [TargetSettings("spa", speaker_id=speaker)]
        own = await client.translate_file(file, source="en", targets=targets)
    expected = np.concatenate([utterance.speech["spa"] for utterance in own.utterances])
    assert len(expected) > 2 * RATE_HZ
    assert np.frombuffer(heard, "<i2") / 32_767 == pytest.approx(expected, abs=1e-4)


@pytest.fixture
async def service(tone_service: ModelFreeService) -> ModelFreeService:
    return tone_service


@pytest.mark.parametrize(
    ("encoding", "rate_hz", "sample_bytes"),
    [
        (PCM, 16_000, 2),
        (PCM, 44_100, 2),
        (0, 22_050, 2),
        (AudioEncoding.MULAW, 8_000, 1),
        (AudioEncoding.ALAW, 8_000, 1),
    ],
)
async def test_samples_have_the_rate_that_was_asked_for(
    server: RpcServer, encoding: int, rate_hz: int, sample_bytes: int
) -> None:
    data = await spoken(server, chunks(TONE), config(encoding=encoding, sample_rate_hz=rate_hz))
    assert abs(len(data) / sample_bytes / rate_hz - SPEECH_MS / 1000) < 0.01


async def test_opus_is_one_file_for_the_whole_stream(server: RpcServer) -> None:
    data = await spoken(
        server, chunks(TONE * 2), config(encoding=AudioEncoding.OGGOPUS, sample_rate_hz=44_100)
    )
    samples, rate_hz = soundfile.read(io.BytesIO(data), dtype="float32")
    assert rate_hz == 48_000
    assert abs(len(samples) / rate_hz - 2 * SPEECH_MS / 1000) < 0.1
    assert np.abs(samples).max() == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"encoding": AudioEncoding.FLAC}, INVALID, "encoding"),
        ({"sample_rate_hz": 0}, INVALID, "sample_rate_hz"),
        ({"sample_rate_hz": 96_000}, OUT_OF_RANGE, "sample_rate_hz"),
        ({"voice_name": "English-US.Female-1"}, INVALID, "voice_name"),
        ({"voice_name": "en.0"}, INVALID, "voice_name"),
        ({"language_code": "fr-FR"}, INVALID, "language_code"),
        ({"prosody_rate": "fast"}, INVALID, "prosody_rate"),
        ({"prosody_pitch": "+1st"}, INVALID, "prosody_pitch"),
        ({"prosody_volume": "loud"}, INVALID, "prosody_volume"),
    ],
)
async def test_what_is_not_served_is_refused_by_name(
    server: RpcServer, fields: dict[str, Any], code: grpc.StatusCode, field: str
) -> None:
    client = riva.client.NeuralMachineTranslationClient(auth_of(server))
    failed = await refusal(
        lambda: list(client.streaming_s2s_response_generator(chunks(TONE), config(**fields)))
    )
    assert failed[0] is code
    assert failed[1].startswith(f"config.tts_config.{field}: ")


async def test_a_target_without_a_voice_is_refused(server: RpcServer) -> None:
    client = riva.client.NeuralMachineTranslationClient(auth_of(server))
    code, message = await refusal(
        lambda: list(client.streaming_s2s_response_generator(chunks(TONE), config("zu")))
    )
    assert code is INVALID
    assert message.startswith("config.translation_config.target_language_code: is not spoken")
