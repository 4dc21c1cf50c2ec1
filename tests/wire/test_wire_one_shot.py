"""What a call of Translate may hold, and what is refused by name."""

from __future__ import annotations

import pytest

from translate_svc import wire
from translate_svc.errors import InvalidArgument
from translate_svc.types import AudioFormat, Encoding, GuardSettings, TargetSettings, TranslateRequest
from translate_svc.v1 import speech_translation_pb2 as pb


def test_an_empty_text_is_a_text_and_a_guard_may_be_off() -> None:
    call = pb.TranslateRequest(text="", guards=pb.GuardSettings(length_stop=False))
    decoded = wire.decode_translate_request(call)
    assert (decoded.source, decoded.guards) == ("", GuardSettings(length_stop=False))


def test_a_text_that_is_no_unicode_cannot_be_sent() -> None:
    request = TranslateRequest("\ud83d", (TargetSettings("spa"),), AudioFormat(Encoding.PCM_S16LE, 16_000))
    with pytest.raises(InvalidArgument) as refusal:
        wire.encode_translate_request(request)
    assert refusal.value.field == "text"
