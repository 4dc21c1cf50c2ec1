"""Speech that Riva's client has written down."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
import riva.client
from riva.client.proto import riva_asr_pb2 as asr
from riva.client.proto.riva_audio_pb2 import AudioEncoding
from riva.client.proto.riva_common_pb2 import RequestId

from tests.clips import sentences, texts
from tests.fakes.engine_script import ScriptedRequest, ScriptedSequence
from tests.fakes.model_free_service import ModelFreeService, model_free_service
from tests.rpc.riva.conftest import OPTIONS, auth_of, called, listed, refusal
from tests.rpc.riva.speech import RATE_HZ, chunks, encoded, recognition, samples_of, tone, wav_file
from translate_svc.engine.request import Request
from translate_svc.languages import packaged
from translate_svc.rpc.riva.result_sink import ResultOptions, ResultSink
from translate_svc.rpc.server import RpcServer
from translate_svc.types import (
    SampleRange,
    SpeechStarted,
    TextDelta,
    Usage,
    UtteranceDone,
    UtteranceStatus,
)

INVALID = grpc.StatusCode.INVALID_ARGUMENT
PCM = AudioEncoding.LINEAR_PCM
TONE = encoded(tone(), PCM)


def client_of(server: RpcServer) -> riva.client.ASRService:
    return riva.client.ASRService(auth_of(server))


def streaming(*, interim: bool = False, **fields: Any) -> asr.StreamingRecognitionConfig:
    return asr.StreamingRecognitionConfig(config=recognition(**fields), interim_results=interim)


async def results(server: RpcServer, audio: Any, config: asr.StreamingRecognitionConfig) -> list[Any]:
    client = client_of(server)
    responses = await listed(lambda: client.streaming_response_generator(audio, config))
    return [result for response in responses for result in response.results]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_recording_is_written_down_with_its_words(starter: RpcServer, tmp_path: Path) -> None:
    """As Riva's program for files sends it: all of the file, and no encoding."""
    samples = np.concatenate([samples_of("eng_1", 1.0), samples_of("eng_3")])
    data, config = wav_file(tmp_path, samples).read_bytes(), recognition(encoding=0, sample_rate_hertz=0)
    config.enable_word_time_offsets = True
    answer = await called(lambda: client_of(starter).offline_recognize(data, config))
    said = [texts(name)["eng"] for name in ("eng_1", "eng_3")]
    assert "".join(result.alternatives[0].transcript for result in answer.results) == " ".join([*said, ""])
    second_ms = len(samples_of("eng_1", 1.0)) * 1000 // RATE_HZ
    for (best,), words, (earliest, latest) in zip(
        (result.alternatives for result in answer.results),
        (text.split() for text in said),
        ((0, second_ms), (second_ms, len(samples) * 1000 // RATE_HZ)),
        strict=True,
    ):
        assert [word.word for word in best.words] == words
        starts = [word.start_time for word in best.words]
        assert starts == sorted(starts)
        assert earliest < starts[0]
        assert best.words[-1].end_time <= latest
        assert all(0 < word.confidence <= 1 for word in best.words)
        assert 0 < best.confidence <= 1
        assert list(best.language_code) == ["en"]


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "encoding", [PCM, AudioEncoding.MULAW, AudioEncoding.FLAC, AudioEncoding.OGGOPUS], ids=AudioEncoding.Name
)
async def test_a_recording_may_be_in_every_encoding(starter: RpcServer, encoding: int) -> None:
    data, config = (
        encoded(samples_of("spa_1"), encoding),
        recognition(encoding=encoding, language_code="es-ES"),
    )
    answer = await called(lambda: client_of(starter).offline_recognize(data, config))
    (result,) = answer.results
    assert result.alternatives[0].transcript.strip() == texts("spa_1")["spa"]
    assert not result.alternatives[0].words


@pytest.mark.asyncio(loop_scope="module")
async def test_a_recording_is_cut_by_hindsight(starter: RpcServer) -> None:
    """Live, the first two of its sentences are one utterance: the pause between them is short."""
    data = encoded(samples_of("eng_three"), PCM)
    answer = await called(lambda: client_of(starter).offline_recognize(data, recognition()))
    said = [result.alternatives[0].transcript.strip() for result in answer.results]
    assert said == [sentence["transcript"] for sentence in sentences("eng_three")]


@pytest.mark.asyncio(loop_scope="module")
async def test_interim_results_become_final_ones(starter: RpcServer) -> None:
    def spoken() -> Iterator[bytes]:
        for chunk in chunks(encoded(samples_of("eng_2", 1.0), PCM)):
            yield chunk
            time.sleep(0.1)

    found = await results(starter, spoken(), streaming(interim=True, enable_word_time_offsets=True))
    *interim, final = found
    assert [result.is_final for result in found] == [False] * len(interim) + [True]
    assert len(interim) > 1
    assert final.alternatives[0].transcript.strip() == texts("eng_2")["eng"]
    (sentence,) = sentences("eng_2")
    words = final.alternatives[0].words
    assert [word.word for word in words] == texts("eng_2")["eng"].split()
    assert abs(words[0].start_time - sentence["start_ms"]) < 400
    assert abs(words[-1].end_time - sentence["end_ms"]) < 800
    heard_s = [result.audio_processed for result in found]
    assert heard_s == sorted(heard_s)


@pytest.mark.asyncio(loop_scope="module")
async def test_results_say_which_language_was_heard(starter: RpcServer) -> None:
    audio = np.concatenate([samples_of("deu_1", 1.0), samples_of("fra_1", 1.0)])
    found = await results(starter, chunks(encoded(audio, PCM)), streaming(language_code="multi"))
    assert [list(result.alternatives[0].language_code) for result in found] == [["de"], ["fr"]]
    said = [texts("deu_1")["deu"], texts("fra_1")["fra"]]
    assert [result.alternatives[0].transcript.strip() for result in found] == said


@pytest.mark.asyncio(loop_scope="module")
async def test_riva_programs_find_models_by_their_languages(starter: RpcServer) -> None:
    request = asr.RivaSpeechRecognitionConfigRequest()
    answer = await called(lambda: client_of(starter).stub.GetRivaSpeechRecognitionConfig(request))
    for kind in ("online", "offline"):
        of_kind = [each for each in answer.model_config if each.parameters["type"] == kind]
        assert {each.parameters["language_code"] for each in of_kind} == {"en", "es", "fr", "de"}
        assert {each.model_name for each in of_kind} == {"starter"}


async def test_the_id_of_a_request_comes_back(server: RpcServer) -> None:
    stub, name = client_of(server).stub, RequestId(value="c9")
    whole = asr.RecognizeRequest(config=recognition(), audio=TONE, id=name)
    assert (await called(lambda: stub.Recognize(whole))).id == name
    messages = [
        asr.StreamingRecognizeRequest(streaming_config=streaming(), id=name),
        asr.StreamingRecognizeRequest(audio_content=TONE),
    ]
    assert [each.id for each in await listed(lambda: stub.StreamingRecognize(iter(messages)))] == [name]


async def test_interim_results_come_only_if_asked_for(server: RpcServer, service: ModelFreeService) -> None:
    """Where a checkpoint is not calibrated, they come when an utterance has ended."""
    (final,) = await results(server, chunks(TONE), streaming())
    *interim, last = await results(server, chunks(TONE), streaming(interim=True))
    assert final.alternatives == last.alternatives
    assert [result.is_final for result in interim] == [False] * len(interim)
    assert interim
    assert set(service.held.values()) == {0}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"profanity_filter": True}, "profanity_filter"),
        ({"speech_contexts": [asr.SpeechContext(phrases=["a"])]}, "speech_contexts"),
        ({"language_code": "tlh"}, "language_code"),
        ({"language_code": "ast"}, "language_code"),
        ({"encoding": AudioEncoding.OGGOPUS}, "encoding"),
        ({"sample_rate_hertz": 7_999}, "sample_rate_hertz"),
    ],
)
async def test_what_is_not_served_is_refused_by_name(
    server: RpcServer, fields: dict[str, Any], field: str
) -> None:
    client, config = client_of(server), streaming(**fields)
    _, message = await refusal(lambda: list(client.streaming_response_generator(chunks(TONE), config)))
    assert message.startswith(f"streaming_config.config.{field}: ")
    _, message = await refusal(lambda: client.offline_recognize(TONE, config.config))
    assert message.startswith(f"config.{field}: ")


async def test_a_recording_without_audio_is_refused(server: RpcServer) -> None:
    code, message = await refusal(lambda: client_of(server).offline_recognize(b"", recognition()))
    assert (code, message) == (INVALID, "audio: holds no audio")


async def test_settings_of_the_runtime_are_refused(server: RpcServer) -> None:
    messages = [asr.StreamingRecognizeRequest(streaming_config=streaming(), runtime_config={"a": "b"})]
    code, message = await refusal(lambda: list(client_of(server).stub.StreamingRecognize(iter(messages))))
    assert code is INVALID
    assert message.startswith("runtime_config: ")


async def test_a_recording_with_a_hole_is_no_answer() -> None:
    def script(request: Request) -> ScriptedRequest:
        return ScriptedRequest((ScriptedSequence(fail_after_tokens=1),))

    async with model_free_service(script) as service, RpcServer(service, OPTIONS) as server:
        code, message = await refusal(lambda: client_of(server).offline_recognize(TONE, recognition()))
    assert code is grpc.StatusCode.INTERNAL
    assert message == "the speech at 0.0 s failed"


async def test_what_ends_out_of_order_is_told_in_the_order_of_speech() -> None:
    """A short utterance may be done before the long one that it follows."""
    told: list[str] = []

    async def write(result: Any) -> int:
        told.append(result.alternatives[0].transcript.strip())
        return 0

    sink = ResultSink(write, ResultOptions(tag="en"), packaged(), RATE_HZ)
    place = SampleRange(0, RATE_HZ)
    for number in (0, 1, 2):
        await sink.send(SpeechStarted(number, 0, 0))
    for number in (1, 2, 0):
        await sink.send(TextDelta(number, place, "eng", f"Sentence {number}.", final=True, transcript=True))
        await sink.send(UtteranceDone(number, place, UtteranceStatus.OK, Usage()))
    assert told == ["Sentence 0.", "Sentence 1.", "Sentence 2."]
