"""What a call of Translate may hold, and what is refused by name."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from translate_svc import wire
from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.types import (
    AudioFormat,
    Encoding,
    GuardSettings,
    TargetSettings,
    TranslateRequest,
)
from translate_svc.v1 import speech_translation_pb2 as pb


def valid_call() -> pb.TranslateRequest:
    return pb.TranslateRequest(
        clip=pb.AudioClip(
            format=pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=16_000), data=bytes(2)
        ),
        targets=[pb.TargetSettings(language="spa")],
    )


def test_an_empty_text_is_a_text_and_a_guard_may_be_off() -> None:
    call = pb.TranslateRequest(text="", guards=pb.GuardSettings(length_stop=False))
    decoded = wire.decode_translate_request(call)
    assert (decoded.source, decoded.guards) == ("", GuardSettings(length_stop=False))


BROKEN_CALLS: dict[str, Callable[[pb.TranslateRequest], None]] = {
    "input": lambda call: call.ClearField("clip"),
    "clip.format": lambda call: call.clip.ClearField("format"),
    "clip.format.encoding": lambda call: setattr(call.clip.format, "encoding", 77),
    "clip.format.sample_rate_hz": lambda call: call.clip.format.ClearField("sample_rate_hz"),
    "clip.format.channels": lambda call: setattr(call.clip.format, "channels", -2),
    "clip.format.channel": lambda call: setattr(call.clip.format, "channel", -1),
    "clip.packets": lambda call: call.clip.packets.extend([b""] * 16_385),
    "targets": lambda call: call.targets.extend([pb.TargetSettings()] * 1_024),
    "targets[0].speaker_id": lambda call: setattr(call.targets[0], "speaker_id", -1),
    "targets[0].duration_factor": lambda call: setattr(call.targets[0], "duration_factor", float("nan")),
    "targets[0].catch_up_duration_factor": lambda call: setattr(
        call.targets[0], "catch_up_duration_factor", float("-inf")
    ),
    "include": lambda call: call.include.extend([pb.INSPECT_TOKENS] * 1_025),
    "include[1]": lambda call: call.include.extend([pb.INSPECT_TOKENS, pb.INSPECT_UNSPECIFIED]),
    "output.encoding": lambda call: setattr(call.output, "sample_rate_hz", 16_000),
    "output.sample_rate_hz": lambda call: setattr(call.output, "encoding", 1),
}


@pytest.mark.parametrize("field", BROKEN_CALLS)
def test_a_broken_call_is_refused_by_the_name_of_its_field(field: str) -> None:
    call = valid_call()
    BROKEN_CALLS[field](call)
    with pytest.raises(InvalidArgument) as refusal:
        wire.decode_translate_request(call)
    assert refusal.value.field == field
    too_many = field in ("clip.packets", "targets", "include")
    assert isinstance(refusal.value, OutOfRange) == too_many


def test_a_text_that_is_no_unicode_cannot_be_sent() -> None:
    request = TranslateRequest("\ud83d", (TargetSettings("spa"),), AudioFormat(Encoding.PCM_S16LE, 16_000))
    with pytest.raises(InvalidArgument) as refusal:
        wire.encode_translate_request(request)
    assert refusal.value.field == "text"
