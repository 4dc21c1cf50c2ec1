"""Speech that Riva's client has translated into text while it is spoken."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import riva.client
from riva.client.proto import riva_asr_pb2 as asr
from riva.client.proto import riva_nmt_pb2 as nmt
from riva.client.proto.riva_audio_pb2 import AudioEncoding
from riva.client.proto.riva_common_pb2 import RequestId

from tests.clips import texts
from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.rpc.riva.conftest import OPTIONS, auth_of, listed, refusal
from tests.rpc.riva.speech import RATE_HZ, chunks, encoded, recognition, samples_of, tone, wav_file
from translate_svc.engine.request import Request
from translate_svc.rpc.riva.audio.declared_audio import DeclaredAudio
from translate_svc.rpc.server import RpcServer

INVALID, OUT_OF_RANGE = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE
TONE = encoded(tone(), AudioEncoding.LINEAR_PCM)


def config(
    *,
    interim: bool = False,
    source: str = "en-US",
    target: str = "es-ES",
    phrases: tuple[str, ...] = (),
    **fields: Any,
) -> nmt.StreamingTranslateSpeechToTextConfig:
    return nmt.StreamingTranslateSpeechToTextConfig(
        asr_config=asr.StreamingRecognitionConfig(config=recognition(**fields), interim_results=interim),
        translation_config=nmt.TranslationConfig(
            source_language_code=source, target_language_code=target, dnt_phrases=phrases
        ),
    )


async def results(server: RpcServer, audio: Any, wanted: Any) -> list[Any]:
    client = riva.client.NeuralMachineTranslationClient(auth_of(server))
    responses = await listed(lambda: client.streaming_s2t_response_generator(audio, wanted))
    return [result for response in responses for result in response.results]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_file_is_translated_as_riva_programs_send_it(starter: RpcServer, tmp_path: Path) -> None:
    """With its header, and a configuration that names neither encoding nor rate."""
    samples = np.concatenate([samples_of("eng_1", 1.0), samples_of("eng_3")])
    file = riva.client.AudioChunkFileIterator(wav_file(tmp_path, samples), 1_600)
    found = await results(starter, file, config(encoding=0, sample_rate_hertz=0))
    assert all(result.is_final for result in found)
    said = [texts(name)["spa"] for name in ("eng_1", "eng_3")]
    assert "".join(result.alternatives[0].transcript for result in found) == " ".join([*said, ""])
    for result in found:
        (best,) = result.alternatives
        assert 0 < best.confidence <= 1
        assert list(best.language_code) == ["es"]
        assert not best.words
    ends_s = [result.audio_processed for result in found]
    assert 0 < ends_s[0] < ends_s[1] <= len(samples) / RATE_HZ + 0.001


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "encoding",
    [AudioEncoding.MULAW, AudioEncoding.ALAW, AudioEncoding.FLAC, AudioEncoding.OGGOPUS],
    ids=AudioEncoding.Name,
)
async def test_every_encoding_is_understood(starter: RpcServer, encoding: int) -> None:
    audio = chunks(encoded(samples_of("eng_1"), encoding), 1_001)
    (found,) = await results(starter, audio, config(encoding=encoding))
    assert found.alternatives[0].transcript.strip() == texts("eng_1")["spa"]


@pytest.mark.asyncio(loop_scope="module")
async def test_interim_results_grow_while_somebody_speaks(starter: RpcServer) -> None:
    def spoken() -> Iterator[bytes]:
        for chunk in chunks(encoded(samples_of("eng_2", 1.0), AudioEncoding.LINEAR_PCM)):
            yield chunk
            time.sleep(0.1)

    found = await results(starter, spoken(), config(interim=True, enable_word_time_offsets=True))
    *interim, last = found
    assert [result.is_final for result in found] == [False] * len(interim) + [True]
    assert len(interim) > 1
    (final,) = last.alternatives
    assert final.transcript.strip() == texts("eng_2")["spa"]
    before = ""
    for result in interim:
        now = result.alternatives[0].transcript
        assert now.startswith(before)
        assert now != before
        assert 0 < result.stability < 1
        before = now
    assert final.transcript.startswith(before)
    assert [word.word for word in final.words] == final.transcript.split()
    assert all(word.start_time <= word.end_time and 0 < word.confidence <= 1 for word in final.words)


@pytest.mark.asyncio(loop_scope="module")
async def test_phrases_are_kept_in_speech(starter: RpcServer) -> None:
    audio = chunks(encoded(samples_of("eng_2"), AudioEncoding.LINEAR_PCM))
    (found,) = await results(starter, audio, config(phrases=("bus##Zug",)))
    assert "Zug" in found.alternatives[0].transcript.split()


@pytest.mark.asyncio(loop_scope="module")
async def test_a_language_is_found_out_where_none_is_named(starter: RpcServer) -> None:
    audio = chunks(encoded(samples_of("fra_1"), AudioEncoding.LINEAR_PCM))
    (found,) = await results(starter, audio, config(language_code="", source="", target="en"))
    assert found.alternatives[0].transcript.strip() == texts("fra_1")["eng"]


@pytest.mark.parametrize("data", [b"", TONE[:2], TONE[:3]], ids=["none", "a sample", "one and a half"])
async def test_without_speech_there_are_no_results(
    server: RpcServer, service: ModelFreeService, data: bytes
) -> None:
    assert await results(server, iter([data] if data else []), config()) == []
    assert set(service.held.values()) == {0}


@pytest.mark.parametrize(("target", "end"), [("es", " "), ("zh-CN", ""), ("ja", "")])
async def test_final_texts_can_be_joined(server: RpcServer, target: str, end: str) -> None:
    (found,) = await results(server, chunks(TONE), config(target=target))
    text = found.alternatives[0].transcript
    assert text == text.strip() + end


async def test_samples_may_be_cut_anywhere(server: RpcServer) -> None:
    (one,) = await results(server, chunks(TONE), config())
    (other,) = await results(server, chunks(TONE, 333), config())
    assert one == other


@pytest.mark.parametrize("size", [1, 10, 1_000])
def test_a_header_that_says_the_same_is_no_sound(tmp_path: Path, size: int) -> None:
    data = wav_file(tmp_path, tone()).read_bytes()
    opened = DeclaredAudio(AudioEncoding.LINEAR_PCM, RATE_HZ, 1, "config").parts(b"")
    assert opened is not None
    assert b"".join(chunk for piece in chunks(data, size) for chunk in opened[0].push(piece)) == data[44:]


async def test_a_header_that_says_something_else_is_refused(server: RpcServer, tmp_path: Path) -> None:
    data = wav_file(tmp_path, tone()).read_bytes()
    client = riva.client.NeuralMachineTranslationClient(auth_of(server))
    wanted = config(sample_rate_hertz=8_000)
    code, message = await refusal(lambda: list(client.streaming_s2t_response_generator(chunks(data), wanted)))
    assert code is INVALID
    assert message.startswith(f"{RECOGNITION}.encoding: ")


async def test_a_header_that_does_not_come_is_not_waited_for(service: ModelFreeService) -> None:
    patience = replace(OPTIONS, config_timeout_s=0.3)
    ended = threading.Event()

    def silent() -> Iterator[bytes]:
        yield b"RIFF"
        ended.wait(30)

    async with RpcServer(service, patience) as server:
        client = riva.client.NeuralMachineTranslationClient(auth_of(server))
        wanted = config(encoding=0)
        code, _ = await refusal(lambda: list(client.streaming_s2t_response_generator(silent(), wanted)))
        ended.set()
    assert code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_silence_ends_an_utterance_as_soon_as_was_asked(server: RpcServer) -> None:
    twice = encoded(tone(0.6, 0.7), AudioEncoding.LINEAR_PCM) * 2
    for silence_ms, utterances in ((500, 2), (1_500, 1)):
        endpointing = asr.EndpointingConfig(stop_history=silence_ms)
        assert len(await results(server, chunks(twice), config(endpointing_config=endpointing))) == utterances


async def test_the_first_of_two_channels_is_heard(server: RpcServer) -> None:
    def interleaved(left: bytes, right: bytes) -> bytes:
        return b"".join(left[at : at + 2] + right[at : at + 2] for at in range(0, len(left), 2))

    silence = bytes(len(TONE))
    assert len(await results(server, chunks(interleaved(TONE, silence)), config(audio_channel_count=2))) == 1
    assert await results(server, chunks(interleaved(silence, TONE)), config(audio_channel_count=2)) == []


RECOGNITION = "config.asr_config.config"
TRANSLATION = "config.translation_config"


@pytest.mark.parametrize(
    ("wanted", "code", "field"),
    [
        ({"profanity_filter": True}, INVALID, f"{RECOGNITION}.profanity_filter"),
        ({"speech_contexts": [asr.SpeechContext(phrases=["a"])]}, INVALID, f"{RECOGNITION}.speech_contexts"),
        (
            {"enable_separate_recognition_per_channel": True},
            INVALID,
            f"{RECOGNITION}.enable_separate_recognition_per_channel",
        ),
        ({"custom_configuration": {"a": "b"}}, INVALID, f"{RECOGNITION}.custom_configuration"),
        (
            {"diarization_config": asr.SpeakerDiarizationConfig(enable_speaker_diarization=True)},
            INVALID,
            f"{RECOGNITION}.diarization_config",
        ),
        (
            {"endpointing_config": asr.EndpointingConfig(start_threshold=0.5)},
            INVALID,
            f"{RECOGNITION}.endpointing_config.start_threshold",
        ),
        (
            {"endpointing_config": asr.EndpointingConfig(stop_history=10)},
            OUT_OF_RANGE,
            f"{RECOGNITION}.endpointing_config.stop_history",
        ),
        ({"language_code": "xx"}, INVALID, f"{RECOGNITION}.language_code"),
        ({"encoding": 77}, INVALID, f"{RECOGNITION}.encoding"),
        ({"encoding": 0}, INVALID, f"{RECOGNITION}.encoding"),
        ({"encoding": AudioEncoding.FLAC}, INVALID, f"{RECOGNITION}.encoding"),
        ({"sample_rate_hertz": 0}, INVALID, f"{RECOGNITION}.sample_rate_hertz"),
        ({"sample_rate_hertz": -1}, OUT_OF_RANGE, f"{RECOGNITION}.sample_rate_hertz"),
        ({"sample_rate_hertz": 4_000}, OUT_OF_RANGE, f"{RECOGNITION}.sample_rate_hertz"),
        ({"audio_channel_count": 9}, OUT_OF_RANGE, f"{RECOGNITION}.audio_channel_count"),
        ({"source": "fr-FR"}, INVALID, f"{TRANSLATION}.source_language_code"),
        ({"target": ""}, INVALID, f"{TRANSLATION}.target_language_code"),
        ({"target": "ast"}, INVALID, f"{TRANSLATION}.target_language_code"),
        ({"phrases": ("w" * 65,)}, OUT_OF_RANGE, f"{TRANSLATION}.dnt_phrases"),
    ],
)
async def test_what_is_not_served_is_refused_by_name(
    server: RpcServer, service: ModelFreeService, wanted: dict[str, Any], code: grpc.StatusCode, field: str
) -> None:
    client = riva.client.NeuralMachineTranslationClient(auth_of(server))
    failed = await refusal(
        lambda: list(client.streaming_s2t_response_generator(chunks(TONE), config(**wanted)))
    )
    assert failed[0] is code
    assert failed[1].startswith(f"{field}: ")
    assert set(service.held.values()) == {0}


def request(**fields: Any) -> nmt.StreamingTranslateSpeechToTextRequest:
    return nmt.StreamingTranslateSpeechToTextRequest(**fields)


@pytest.mark.parametrize(
    ("messages", "field"),
    [
        ([], "config"),
        ([request(audio_content=TONE)], "config"),
        ([request(config=config()), request(config=config())], "config"),
        ([request(config=config(encoding=0)), request(audio_content=b"RIFF")], "audio_content"),
        ([request(config=config(encoding=0)), request(audio_content=b"RIFF12345678AVI ")], "audio_content"),
        (
            [
                request(config=config(encoding=AudioEncoding.OGGOPUS)),
                request(audio_content=b"OggS" + bytes(60)),
            ],
            "audio_content",
        ),
    ],
)
async def test_messages_out_of_order_are_refused(server: RpcServer, messages: list[Any], field: str) -> None:
    stub = riva.client.NeuralMachineTranslationClient(auth_of(server)).stub
    code, message = await refusal(lambda: list(stub.StreamingTranslateSpeechToText(iter(messages))))
    assert code is INVALID
    assert message.startswith(f"{field}: ")


async def test_the_id_of_a_stream_is_in_every_response(server: RpcServer) -> None:
    stub = riva.client.NeuralMachineTranslationClient(auth_of(server)).stub
    messages = [request(config=config(), id=RequestId(value="b3")), request(audio_content=TONE * 2)]
    responses = await listed(lambda: stub.StreamingTranslateSpeechToText(iter(messages)))
    assert [response.id.value for response in responses] == ["b3", "b3"]


async def test_an_utterance_that_fails_ends_the_stream() -> None:
    def script(request: Request) -> ScriptedRequest:
        return ScriptedRequest((ScriptedSequence(fail_after_tokens=1),))

    async with model_free_service(script) as service, RpcServer(service, OPTIONS) as server:
        client = riva.client.NeuralMachineTranslationClient(auth_of(server))
        code, message = await refusal(
            lambda: list(client.streaming_s2t_response_generator(chunks(TONE), config()))
        )
    assert code is grpc.StatusCode.INTERNAL
    assert message == "the speech at 0.0 s failed"
