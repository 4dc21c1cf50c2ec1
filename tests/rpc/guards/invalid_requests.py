"""Requests of Translate that every server refuses, each with its status and the field that it names.

They are written for the starter checkpoint with utterances of at most 30 s.
"""

from __future__ import annotations

from typing import Any

import grpc

from translate_svc.v1 import speech_translation_pb2 as pb

SPANISH = [pb.TargetSettings(language="spa")]
S16 = pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=16_000)
F32 = pb.AudioFormat(encoding=pb.ENCODING_PCM_F32LE, sample_rate_hz=16_000)
OPUS = pb.AudioFormat(encoding=pb.ENCODING_OPUS, sample_rate_hz=48_000)
G722 = pb.AudioFormat(encoding=pb.ENCODING_G722, sample_rate_hz=16_000)
G722_AT_8_KHZ = pb.AudioFormat(encoding=pb.ENCODING_G722, sample_rate_hz=8_000)
G722_STEREO = pb.AudioFormat(encoding=pb.ENCODING_G722, sample_rate_hz=16_000, channels=2, channel=1)


def bad_text(text: str = "Hello.", **changes: Any) -> pb.TranslateRequest:
    return pb.TranslateRequest(**{"text": text, "source_language": "eng", "targets": SPANISH, **changes})


def bad_clip(data: bytes = b"", audio: pb.AudioFormat = S16, **changes: Any) -> pb.TranslateRequest:
    clip = pb.AudioClip(format=audio, data=data, packets=changes.pop("packets", ()))
    return pb.TranslateRequest(**{"clip": clip, "targets": SPANISH, **changes})


WRONG, PAST = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE
INVALID_REQUESTS: list[tuple[pb.TranslateRequest, grpc.StatusCode, str]] = [
    (pb.TranslateRequest(source_language="eng", targets=SPANISH), WRONG, "input"),
    (bad_text("a" * 4_000_000), PAST, "text"),
    (bad_text(source_language=""), WRONG, "source_language"),
    (bad_text(source_language="por"), WRONG, "source_language"),
    (bad_text(source_language="x-" * 1_000_000), WRONG, "source_language"),
    (
        bad_text(targets=[pb.TargetSettings(language="eng", speech=False)]),
        WRONG,
        "targets[0].language",
    ),
    (bad_text(include=[pb.INSPECT_TRANSCRIPT]), WRONG, "include"),
    (bad_text(targets=[]), WRONG, "targets"),
    (bad_text(targets=SPANISH * 2), WRONG, "targets[1].language"),
    (bad_text(targets=SPANISH * 9), PAST, "targets"),
    (bad_text(targets=SPANISH * 500_000), PAST, "targets"),
    (bad_clip(b"1234", packets=[b"1"]), WRONG, "clip.packets"),
    (bad_clip(b"\0\0\xc0\x7f", F32), WRONG, "clip.data"),
    (bad_clip(b"1", OPUS), WRONG, "clip.data"),
    (bad_clip(b"1", G722_AT_8_KHZ), WRONG, "clip.format.sample_rate_hz"),
    (bad_clip(b"1", G722_STEREO), PAST, "clip.format.channels"),
    (bad_clip(audio=G722, packets=[b"1"]), WRONG, "clip.packets"),
    (bad_clip(audio=OPUS, packets=[b"\xff"]), WRONG, "clip.packets[0]"),
    (bad_clip(audio=OPUS, packets=[b"\xfc"] * 1_600), PAST, "clip.packets"),
    (bad_clip(audio=OPUS, packets=[b""] * 20_000), PAST, "clip.packets"),
    (bad_clip(bytes(2 * 30 * 16_000 + 2)), PAST, "clip.data"),
    (bad_clip(b"1234", include=[pb.INSPECT_TRANSCRIPT]), WRONG, "source_language"),
]
