"""Requests of Translate that every server refuses, each with its status and the field that it names.

They are written for the starter checkpoint with utterances of at most 30 s.
"""

from __future__ import annotations

from typing import Any

import grpc

from translate_svc.v1 import speech_translation_pb2 as pb

MAX_CLIP_BYTES = 4 * 1024 * 1024

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


def bad_target(**changes: Any) -> pb.TranslateRequest:
    return bad_text(targets=[pb.TargetSettings(**{"language": "spa", **changes})])


WRONG, PAST = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE
INVALID_REQUESTS: list[tuple[pb.TranslateRequest, grpc.StatusCode, str]] = [
    (pb.TranslateRequest(source_language="eng", targets=SPANISH), WRONG, "input"),
    (bad_text(""), WRONG, "text"),
    (bad_text("\u3000\n"), WRONG, "text"),
    (bad_text("a\0b"), WRONG, "text"),
    (bad_text("a" * 4_000_000), PAST, "text"),
    (bad_text(source_language=""), WRONG, "source_language"),
    (bad_text(source_language="por"), WRONG, "source_language"),
    (bad_text(source_language="x-" * 1_000_000), WRONG, "source_language"),
    (bad_text(source_language="es"), WRONG, "targets[0].language"),
    (bad_text(include=[pb.INSPECT_TRANSCRIPT]), WRONG, "include"),
    (bad_text(include=[pb.INSPECT_UNITS, 17]), WRONG, "include[1]"),
    (bad_text(include=[pb.INSPECT_UNITS] * 2_000), PAST, "include"),
    (bad_text(targets=[]), WRONG, "targets"),
    (bad_text(targets=SPANISH * 2), WRONG, "targets[1].language"),
    (bad_text(targets=SPANISH * 9), PAST, "targets"),
    (bad_text(targets=SPANISH * 500_000), PAST, "targets"),
    (bad_text(output=pb.AudioFormat()), WRONG, "output.sample_rate_hz"),
    (bad_text(output=pb.AudioFormat(sample_rate_hz=16_000)), WRONG, "output.encoding"),
    (bad_text(output=pb.AudioFormat(encoding=1, sample_rate_hz=1)), PAST, "output.sample_rate_hz"),  # type: ignore[arg-type]
    (bad_text(output=pb.AudioFormat(encoding=1, sample_rate_hz=8_000, channels=2)), WRONG, "output.channels"),  # type: ignore[arg-type]
    (bad_target(language=""), WRONG, "targets[0].language"),
    (bad_target(text=False, speech=False), WRONG, "targets[0].text"),
    (bad_target(speaker_id=45), WRONG, "targets[0].speaker_id"),
    (bad_target(duration_factor=0.49), PAST, "targets[0].duration_factor"),
    (bad_target(catch_up_duration_factor=1.5), PAST, "targets[0].catch_up_duration_factor"),
    (bad_clip(), WRONG, "clip.data"),
    (bad_clip(b"123"), WRONG, "clip.data"),
    (bad_clip(b"1234", packets=[b"1"]), WRONG, "clip.packets"),
    (bad_clip(b"\0\0\xc0\x7f", F32), WRONG, "clip.data"),
    (bad_clip(b"1", OPUS), WRONG, "clip.data"),
    (bad_clip(b"1", G722_AT_8_KHZ), WRONG, "clip.format.sample_rate_hz"),
    (bad_clip(b"1", G722_STEREO), PAST, "clip.format.channels"),
    (bad_clip(audio=G722, packets=[b"1"]), WRONG, "clip.packets"),
    (bad_clip(audio=OPUS, packets=[b"\xff"]), WRONG, "clip.packets[0]"),
    (bad_clip(audio=OPUS, packets=[b"\xfc"] * 1_600), PAST, "clip.packets"),
    (bad_clip(audio=OPUS, packets=[b""] * 20_000), PAST, "clip.packets"),
    (bad_clip(bytes(MAX_CLIP_BYTES + 2)), PAST, "clip.data"),
    (bad_clip(bytes(2 * 30 * 16_000 + 2)), PAST, "clip.data"),
    (pb.TranslateRequest(clip=pb.AudioClip(data=b"12"), targets=SPANISH), WRONG, "clip.format"),
    (bad_clip(b"12", pb.AudioFormat(sample_rate_hz=8_000)), WRONG, "clip.format.encoding"),
    (bad_clip(b"12", pb.AudioFormat(encoding=1, sample_rate_hz=96_000)), PAST, "clip.format.sample_rate_hz"),  # type: ignore[arg-type]
    (bad_clip(b"1234", include=[pb.INSPECT_TRANSCRIPT]), WRONG, "source_language"),
]
