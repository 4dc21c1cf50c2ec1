from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from translate_svc.errors import OutOfRange
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.wire.entry_count import MAX_ENTRIES, check_entries, entries

TRANSLATE: Any = pb.TranslateRequest.DESCRIPTOR
STREAM: Any = pb.StreamingTranslateRequest.DESCRIPTOR
EMPTY_TARGET = b"\x22\x00"


def test_fields_of_every_depth_count() -> None:
    settings = pb.StreamSettings(targets=[pb.TargetSettings(language="spa", text=True)] * 3)
    message = pb.StreamingTranslateRequest(config=pb.StreamConfig(settings=settings))
    # config, settings, three targets, and two fields in each
    assert entries(message.SerializeToString(), STREAM, 100)[0] == 1 + 1 + 3 + 6


def test_audio_is_one_field_whatever_its_bytes() -> None:
    clip = pb.TranslateRequest(clip=pb.AudioClip(data=b"\x22\x00" * 2_000_000))
    check_entries(clip.SerializeToString(), TRANSLATE)
    assert entries(clip.SerializeToString(), TRANSLATE, 100)[0] == 2


def test_half_a_minute_of_the_shortest_packets_passes() -> None:
    packets = pb.TranslateRequest(clip=pb.AudioClip(packets=[b"12345678"] * 12_000))
    check_entries(packets.SerializeToString(), TRANSLATE)


@pytest.mark.parametrize(
    ("data", "kind", "field"),
    [
        (EMPTY_TARGET * 2_000_000, TRANSLATE, "targets"),
        (b"\x12\x80\x89\x7a" + b"\x1a\x00" * 1_000_000, TRANSLATE, "clip.packets"),
        (b"\xf8\x07\x00" * 1_000_000, TRANSLATE, ""),  # fields that nobody knows
        (b"\x0a\x84\x89\x7a\x1a\x80\x89\x7a" + b"\x0a\x00" * 1_000_000, STREAM, "config.settings.targets"),
    ],
    ids=["targets", "packets", "unknown", "settings"],
)
def test_a_message_of_a_million_tiny_fields_is_refused_in_a_moment(
    data: bytes, kind: Any, field: str
) -> None:
    began_s = time.process_time()
    with pytest.raises(OutOfRange, match=f"more than {MAX_ENTRIES} fields") as refused:
        check_entries(data, kind)
    assert refused.value.field == field
    assert time.process_time() - began_s < 0.5


@given(st.binary(max_size=200), st.sampled_from([TRANSLATE, STREAM]))
def test_any_bytes_are_counted_without_an_error(data: bytes, kind: Any) -> None:
    assert 0 <= entries(data, kind, 50)[0] <= 50


@given(st.lists(st.binary(max_size=20), max_size=40))
def test_a_count_is_exact_for_what_is_a_message(packets: list[bytes]) -> None:
    clip = pb.AudioClip(packets=packets)
    message = pb.TranslateRequest(clip=clip, source_language="eng")
    assert entries(message.SerializeToString(), TRANSLATE, 1_000)[0] == 2 + len(packets)
