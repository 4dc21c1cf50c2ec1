"""protobuf <-> types: what goes out comes back, and what types cannot hold is refused by name."""

from __future__ import annotations

import dataclasses
from dataclasses import fields
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.wire_strategies import (
    calls,
    counts,
    events,
    names,
    requests,
    results,
    small_counts,
    texts,
    units,
)
from translate_svc import types, wire
from translate_svc.errors import DataLoss, InvalidArgument
from translate_svc.languages import Language
from translate_svc.types import (
    AudioFormat,
    Encoding,
    ModelInfo,
    ServerInfo,
    ServerLimits,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    TranslateRequest,
    VadSettings,
)
from translate_svc.v1 import speech_translation_pb2 as pb


@given(requests)
def test_a_request_comes_back_as_it_went(message: StreamConfig | types.ClientMessage) -> None:
    sent = wire.encode_request(message).SerializeToString()
    assert wire.decode_request(pb.StreamingTranslateRequest.FromString(sent)) == message


@given(calls)
def test_a_call_comes_back_as_it_went(call: TranslateRequest) -> None:
    sent = wire.encode_translate_request(call).SerializeToString()
    assert wire.decode_translate_request(pb.TranslateRequest.FromString(sent)) == call


@given(counts, events)
def test_an_event_comes_back_as_it_went(seq: int, event: types.SessionEvent) -> None:
    sent = wire.encode_response(seq, event).SerializeToString()
    received_seq, received = wire.decode_response(pb.StreamingTranslateResponse.FromString(sent))
    assert received_seq == seq
    assert type(received) is type(event)
    assert received is not None
    check_same(received, event)


@given(counts, results)
def test_a_result_comes_back_as_it_went_in_either_methods_response(
    seq: int, event: types.ResultEvent
) -> None:
    response = wire.encode_translate_response(seq, event)
    received_seq, received = wire.decode_translate_response(
        pb.TranslateResponse.FromString(response.SerializeToString())
    )
    assert received_seq == seq
    assert received is not None
    check_same(received, event)
    # fields of one name have one number: what reads a stream can read a call
    assert response.SerializeToString() == wire.encode_response(seq, event).SerializeToString()


def check_same(one: types.SessionEvent, other: types.SessionEvent) -> None:
    """SpeechChunk has identity as its equality, hence field by field."""
    assert type(one) is type(other)
    for part in dataclasses.fields(other):
        assert getattr(one, part.name) == getattr(other, part.name), part.name


def test_every_kind_of_message_and_event_has_a_place_in_the_contract() -> None:
    message_names = {kind.name for kind in pb.StreamingTranslateRequest.DESCRIPTOR.oneofs[0].fields}
    assert len(message_names) == len(get_args(types.ClientMessage)) + 1  # and `config`
    event_names = {kind.name for kind in pb.StreamingTranslateResponse.DESCRIPTOR.oneofs[0].fields}
    # TextDelta has two places, transcript and translation
    assert len(event_names) == len(get_args(types.SessionEvent)) + 1
    result_names = {kind.name for kind in pb.TranslateResponse.DESCRIPTOR.oneofs[0].fields}
    assert len(result_names) == len(get_args(types.ResultEvent)) + 1
    assert result_names < event_names
    assert set(get_args(types.ResultEvent)) < set(get_args(types.SessionEvent))


def valid_config() -> pb.StreamConfig:
    return pb.StreamConfig(
        input=pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=16_000),
        settings=pb.StreamSettings(targets=[pb.TargetSettings(language="spa")]),
    )


def test_what_a_config_leaves_out_takes_the_documented_defaults() -> None:
    decoded = wire.decode_request(pb.StreamingTranslateRequest(config=valid_config()))
    assert decoded == StreamConfig(
        input=AudioFormat(Encoding.PCM_S16LE, 16_000, 1),
        output=AudioFormat(Encoding.PCM_S16LE, 16_000, 1),
        settings=StreamSettings(
            targets=(TargetSettings("spa", text=True, speech=True, duration_factor=1.0),)
        ),
    )


def test_only_a_stream_that_is_resumed_needs_no_settings() -> None:
    config = valid_config()
    config.ClearField("settings")
    with pytest.raises(InvalidArgument, match=r"config\.settings: is required"):
        wire.decode_request(pb.StreamingTranslateRequest(config=config))
    config.resume_token = b"token"
    decoded = wire.decode_request(pb.StreamingTranslateRequest(config=config))
    assert isinstance(decoded, StreamConfig)
    assert decoded.resume_token == b"token"


def test_false_and_zero_are_not_taken_for_absent() -> None:
    config = valid_config()
    target = config.settings.targets[0]
    target.text, target.speaker_id, target.duration_factor = False, 0, 0.0
    config.settings.vad.threshold = 0.0
    config.settings.vad.prefix_padding_ms = 0
    decoded = wire.decode_request(pb.StreamingTranslateRequest(config=config))
    assert isinstance(decoded, StreamConfig)
    assert decoded.settings.targets == (TargetSettings("spa", text=False, speaker_id=0, duration_factor=0.0),)
    assert decoded.settings.vad == VadSettings(threshold=0.0, prefix_padding_ms=0)


def test_an_event_of_a_later_contract_is_none_and_keeps_its_number() -> None:
    # field 99, length-delimited, empty: what a later server's event looks like to this client
    later = pb.StreamingTranslateResponse(seq=7).SerializeToString() + bytes([0x9A, 0x06, 0x00])
    assert wire.decode_response(pb.StreamingTranslateResponse.FromString(later)) == (7, None)
    assert wire.decode_translate_response(pb.TranslateResponse.FromString(later)) == (7, None)


def test_a_response_that_cannot_be_understood_is_the_servers_fault() -> None:
    response = pb.StreamingTranslateResponse(seq=1, utterance_done=pb.UtteranceDone(status=9))  # type: ignore[arg-type]
    with pytest.raises(DataLoss) as refusal:
        wire.decode_response(response)
    assert refusal.value.field == "utterance_done.status"
    answer = pb.TranslateResponse(seq=1, utterance_done=pb.UtteranceDone(status=9))  # type: ignore[arg-type]
    with pytest.raises(DataLoss) as refusal:
        wire.decode_translate_response(answer)
    assert refusal.value.field == "utterance_done.status"


@given(
    st.builds(
        ServerInfo,
        texts,
        st.builds(ModelInfo, texts, texts, texts, texts, texts),
        st.builds(
            ServerLimits,
            *[small_counts] * (len(fields(ServerLimits)) - 2),
            st.lists(st.sampled_from(Encoding)).map(tuple),
            st.lists(st.sampled_from(Encoding)).map(tuple),
        ),
    )
)
def test_server_info_comes_back_as_it_went(info: ServerInfo) -> None:
    sent = wire.encode_info(info).SerializeToString()
    assert wire.decode_info(pb.GetServerInfoResponse.FromString(sent)) == info


def test_encodings_of_a_later_contract_are_left_out_of_the_limits() -> None:
    response = pb.GetServerInfoResponse(limits=pb.Limits(input_encodings=[42, pb.ENCODING_OPUS]))  # type: ignore[list-item]
    assert wire.decode_info(response).limits.input_encodings == (Encoding.OPUS,)


@given(
    st.lists(
        st.builds(Language, names, names, names, st.booleans(), st.booleans(), st.booleans(), units),
        unique_by=lambda language: language.code,
    )
)
def test_languages_come_back_sorted_by_code(languages: list[Language]) -> None:
    sent = wire.encode_languages(languages).SerializeToString()
    received = wire.decode_languages(pb.ListLanguagesResponse.FromString(sent))
    assert list(received) == sorted(languages, key=lambda language: language.code)
