"""Texts that Riva's client has spoken."""

from __future__ import annotations

import functools
import io
import queue
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import riva.client
import soundfile
from riva.client.proto import riva_tts_pb2 as tts
from riva.client.proto.riva_audio_pb2 import AudioEncoding
from riva.client.proto.riva_common_pb2 import RequestId

from tests.clips import texts
from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.rpc.riva.conftest import OPTIONS, auth_of, called, listed, refusal
from tests.rpc.riva.speech import RATE_HZ, recognition
from translate_svc.access.api_keys import ApiKeys, key_line, new_key
from translate_svc.access.callers import Callers
from translate_svc.engine.request import Request
from translate_svc.rpc.server import RpcServer

INVALID, OUT_OF_RANGE = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE
SPEECH_MS = 1_500
"""Of the scripted engine, for each text."""
SPEECH_SAMPLES = SPEECH_MS * 16
GOOD = {"text": "Good morning.", "language_code": "en-US", "sample_rate_hz": 16_000}


def client_of(server: RpcServer) -> riva.client.SpeechSynthesisService:
    return riva.client.SpeechSynthesisService(auth_of(server))


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(("name", "language", "code"), [("eng_2", "en-US", "eng"), ("deu_1", "de-DE", "deu")])
async def test_what_is_spoken_is_the_text(starter: RpcServer, name: str, language: str, code: str) -> None:
    """By Riva's own recognition on the same server."""
    text = texts(name)[code]
    spoken = await called(
        lambda: client_of(starter).synthesize(text, language_code=language, sample_rate_hz=RATE_HZ)
    )
    assert (spoken.meta.text, spoken.meta.processed_text) == (text, text)
    asr = riva.client.ASRService(auth_of(starter))
    answer = await called(lambda: asr.offline_recognize(spoken.audio, recognition(language_code=language)))
    assert "".join(each.alternatives[0].transcript for each in answer.results).strip() == text


@pytest.mark.asyncio(loop_scope="module")
async def test_a_voice_is_chosen_by_its_name(starter: RpcServer) -> None:
    client, text = client_of(starter), texts("eng_1")["eng"]
    config = await called(lambda: client.stub.GetRivaSynthesisConfig(tts.RivaSynthesisConfigRequest()))
    names = {  # as Riva's program for speech does it
        each.parameters["language_code"]: [
            f"{each.parameters['voice_name']}.{voice.split(':')[0]}"
            for voice in each.parameters["subvoices"].split(",")
        ]
        for each in config.model_config
    }
    assert set(names) == {"en", "es", "fr", "de"}
    default, other = names["en"][:2]

    def spoken(voice: str | None) -> Any:
        return client.synthesize(text, voice, sample_rate_hz=RATE_HZ).audio

    heard = {voice: await called(functools.partial(spoken, voice)) for voice in (None, default, other)}
    assert heard[None] == heard[default] != heard[other]


@pytest.mark.asyncio(loop_scope="module")
async def test_online_speech_is_that_of_the_whole_texts(starter: RpcServer) -> None:
    said = [texts("eng_1")["eng"], texts("eng_3")["eng"]]
    client = client_of(starter)
    pieces = await listed(lambda: client.synthesize_online(said, sample_rate_hz=22_050))
    assert len(pieces) > 2
    assert all(piece.audio for piece in pieces)
    synthesize = functools.partial(client.synthesize, sample_rate_hz=22_050)
    whole = [await called(functools.partial(synthesize, text)) for text in said]
    assert b"".join(piece.audio for piece in pieces) == b"".join(each.audio for each in whole)


@pytest.fixture
async def service(tone_service: ModelFreeService) -> ModelFreeService:
    return tone_service


@pytest.mark.parametrize(
    ("encoding", "rate_hz", "sample_bytes"),
    [
        (AudioEncoding.LINEAR_PCM, 44_100, 2),
        (AudioEncoding.MULAW, 8_000, 1),
        (AudioEncoding.ALAW, 8_000, 1),
    ],
)
async def test_samples_have_the_rate_that_was_asked_for(
    server: RpcServer, encoding: int, rate_hz: int, sample_bytes: int
) -> None:
    client = client_of(server)
    spoken = await called(lambda: client.synthesize("Hi.", encoding=encoding, sample_rate_hz=rate_hz))
    assert abs(len(spoken.audio) / sample_bytes / rate_hz - SPEECH_MS / 1000) < 0.01


async def test_opus_is_a_file(server: RpcServer) -> None:
    client = client_of(server)
    spoken = await called(lambda: client.synthesize("Hi.", encoding=AudioEncoding.OGGOPUS))
    samples, rate_hz = soundfile.read(io.BytesIO(spoken.audio), dtype="float32")
    assert abs(len(samples) / rate_hz - SPEECH_MS / 1000) < 0.05
    assert np.abs(samples).max() == pytest.approx(0.25, abs=0.05)


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"text": ""}, INVALID, "text"),
        ({"text": " <speak>Hi.</speak>"}, INVALID, "text"),
        ({"text": "a\x00"}, INVALID, "text"),
        ({"text": "a" * 100_000}, OUT_OF_RANGE, "text"),
        ({"language_code": ""}, INVALID, "language_code"),
        ({"language_code": "xx"}, INVALID, "language_code"),
        ({"language_code": "zu"}, INVALID, "language_code"),
        ({"encoding": AudioEncoding.FLAC}, INVALID, "encoding"),
        ({"encoding": 77}, INVALID, "encoding"),
        ({"sample_rate_hz": 0}, INVALID, "sample_rate_hz"),
        ({"sample_rate_hz": 4_000}, OUT_OF_RANGE, "sample_rate_hz"),
        ({"voice_name": "Magpie-Multilingual.EN-US.Leo"}, INVALID, "voice_name"),
        ({"zero_shot_data": tts.ZeroShotData(quality=20)}, INVALID, "zero_shot_data"),
        ({"custom_dictionary": "a  b"}, INVALID, "custom_dictionary"),
        ({"custom_configuration": {"a": "b"}}, INVALID, "custom_configuration"),
        ({"enable_word_time_offsets": True}, INVALID, "enable_word_time_offsets"),
    ],
)
async def test_what_is_not_served_is_refused_by_name(
    server: RpcServer, service: ModelFreeService, change: dict[str, Any], code: grpc.StatusCode, field: str
) -> None:
    stub, request = client_of(server).stub, tts.SynthesizeSpeechRequest(**(GOOD | change))
    for call in (lambda: stub.Synthesize(request), lambda: list(stub.SynthesizeOnline(iter([request])))):
        failed = await refusal(call)
        assert failed[0] is code
        assert failed[1].startswith(f"{field}: ")
    assert set(service.held.values()) == {0}


async def test_the_id_of_a_request_is_in_its_responses(server: RpcServer) -> None:
    stub = client_of(server).stub
    first, second = (tts.SynthesizeSpeechRequest(**GOOD, id=RequestId(value=name)) for name in ("d1", "d2"))
    assert (await called(lambda: stub.Synthesize(first))).id.value == "d1"
    responses = await listed(lambda: stub.SynthesizeOnline(iter([first, second])))
    names = [response.id.value for response in responses]
    assert names == sorted(names)
    assert set(names) == {"d1", "d2"}


async def test_a_text_may_come_once_the_one_before_is_heard(server: RpcServer) -> None:
    """As a voice agent sends sentences."""
    stub, heard = client_of(server).stub, queue.Queue[Any]()

    def requests() -> Iterator[Any]:
        for _ in range(3):
            yield tts.SynthesizeSpeechRequest(**GOOD)
            heard.get(timeout=30)

    def talk() -> int:
        samples = 0
        for response in stub.SynthesizeOnline(requests()):
            before, samples = samples, samples + len(response.audio) // 2
            if before // SPEECH_SAMPLES < samples // SPEECH_SAMPLES:
                heard.put(samples)
        return samples

    assert await called(talk) == 3 * SPEECH_SAMPLES


@pytest.mark.parametrize("silent", [True, False], ids=["silent", "with_short_texts"])
async def test_who_loses_its_key_is_spoken_for_no_more(
    service: ModelFreeService, tmp_path: Path, silent: bool
) -> None:
    """Its texts may be short, and far apart: none of them is open for as long as keys are looked at."""
    key, file = new_key(), tmp_path / "keys"
    file.write_text(key_line("a", key), "utf-8")
    options, over = replace(OPTIONS, revocation_check_s=1.0), threading.Event()
    async with RpcServer(service, options, callers=Callers(ApiKeys(file), None)) as server:
        stub = client_of(server).stub

        def requests() -> Iterator[Any]:
            yield tts.SynthesizeSpeechRequest(**GOOD)
            while not over.wait(60 if silent else 0.2):
                yield tts.SynthesizeSpeechRequest(**GOOD)

        call = stub.SynthesizeOnline(requests(), metadata=[("authorization", f"Bearer {key}")], timeout=30)
        assert await called(lambda: next(call).audio)
        file.write_text(key_line("b", new_key()), "utf-8")
        code, message = await refusal(lambda: list(call))
        over.set()
    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert "revoked" in message
    assert set(service.held.values()) == {0}


async def test_without_a_text_there_is_no_speech(server: RpcServer) -> None:
    assert await listed(lambda: client_of(server).stub.SynthesizeOnline(iter([]))) == []


async def test_a_text_that_cannot_be_spoken_fails_the_call() -> None:
    def script(request: Request) -> ScriptedRequest:
        return ScriptedRequest((ScriptedSequence(fail_after_pieces=1),))

    async with model_free_service(script) as service, RpcServer(service, OPTIONS) as server:
        code, message = await refusal(lambda: client_of(server).synthesize("Hi."))
    assert (code, message) == (grpc.StatusCode.INTERNAL, "text: could not be spoken")
