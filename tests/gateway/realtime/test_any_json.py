"""Whatever JSON a client sends: an event is taken or refused by a named error, and never breaks anything."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translate_svc.errors import TranslateSvcError
from translate_svc.gateway.failures import failure_of
from translate_svc.gateway.json_object import JsonObject
from translate_svc.gateway.realtime.client_events import AudioReader
from translate_svc.gateway.realtime.dialect import SessionSettings, stream_config
from translate_svc.gateway.realtime.transcription_settings import TranscriptionSettings
from translate_svc.gateway.realtime.translation_settings import INCLUDES, TranslationSettings
from translate_svc.languages import packaged
from translate_svc.session.negotiation import Negotiator
from translate_svc.vad.options import VadOptions

NUMBERS = st.integers() | st.floats() | st.just(10**400) | st.just(-(10**20)) | st.just(0.7) | st.just(500)
LEAVES: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5) | st.sampled_from(["es", "de", "server_vad"])
)
KEYS = (
    *("audio", "input", "output", "include", "simultaneous", "language", "targets", "text", "speech", "type"),
    *(
        "speaker_id",
        "duration_factor",
        "catch_up_duration_factor",
        "format",
        "rate",
        "transcription",
        "model",
    ),
    *("noise_reduction", "turn_detection", "threshold", "prefix_padding_ms", "silence_duration_ms"),
    *("min_speech_ms", "max_utterance_ms", "step_ms", "patience_frames", "max_buffer_ms", "other"),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner | st.sampled_from(sorted(INCLUDES)), max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
    ),
    max_leaves=12,
)


SESSIONS = VALUES | st.fixed_dictionaries(
    {
        "audio": st.fixed_dictionaries(
            {
                "input": st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3),
                "output": st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=3)
                | st.fixed_dictionaries(
                    {"language": st.just("es")},
                    optional=dict.fromkeys(("speech", "speaker_id", "duration_factor"), LEAVES),
                ),
            }
        )
    }
)
NEGOTIATOR = Negotiator(packaged(), 8, VadOptions())


@pytest.mark.parametrize("first", [TranslationSettings(), TranscriptionSettings()], ids=["one", "other"])
@given(value=SESSIONS)
@settings(max_examples=400)
def test_settings_are_taken_or_refused(first: SessionSettings, value: Any) -> None:
    try:
        wanted = first.updated(JsonObject(value, "session"))
        wanted.to_json(packaged())
        if not wanted.missing:
            wanted.check(packaged())
            NEGOTIATOR.negotiate(stream_config(wanted, packaged()))
    except TranslateSvcError as error:
        refused = failure_of(error)
    else:
        return
    assert (refused.status, refused.close_code) == (400, 1008)


@given(value=VALUES | st.text() | st.binary().map(lambda data: data.hex()))
def test_audio_is_taken_or_refused(value: Any) -> None:
    reader = AudioReader(2, 32_768)
    try:
        parts = reader.read(JsonObject({"type": "append", "audio": value}, ""))
    except TranslateSvcError:
        return
    assert all(len(part) % 2 == 0 for part in parts)
