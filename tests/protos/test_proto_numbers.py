"""The numbers in the contract's comments are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from translate_svc.audio.codecs.opus_encoder import OPUS_LOOKAHEAD_SAMPLES
from translate_svc.audio.codecs.opus_packet import MAX_PACKET_SAMPLES, OPUS_SAMPLE_RATE_HZ
from translate_svc.audio.codecs.table import CODECS, MAX_CHANNELS
from translate_svc.audio.formats import MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ
from translate_svc.errors import OutOfRange
from translate_svc.rpc.options import RpcOptions
from translate_svc.session.options import SessionOptions
from translate_svc.session.simultaneous_options import SIMULTANEOUS_LIMITS
from translate_svc.types import (
    INTERNAL_SAMPLE_RATE_HZ,
    MAX_DURATION_FACTOR,
    MIN_DURATION_FACTOR,
    Encoding,
    SimultaneousSettings,
    VadSettings,
)
from translate_svc.vad.options import FRAME_MS, VadOptions

PROTO = Path(__file__).resolve().parents[2] / "protos/translate_svc/v1/speech_translation.proto"
OPUS_CHANNELS = CODECS[Encoding.OPUS].max_channels
LINES = PROTO.read_text("utf-8").splitlines()
RANGE = re.compile(r"; ([\d.]+) to ([\d.]+)\b")


def comment_of(declaration: str) -> str:
    """The comment above the only line that begins so; its lines joined."""
    (number,) = [index for index, line in enumerate(LINES) if line.strip().startswith(declaration)]
    said: list[str] = []
    while (line := LINES[number - 1].strip()).startswith("//"):
        said.insert(0, line.removeprefix("//").strip())
        number -= 1
    return " ".join(said)


def stated_range(declaration: str) -> tuple[float, float]:
    found = RANGE.search(comment_of(declaration))
    assert found is not None, declaration
    return float(found[1]), float(found[2].rstrip("."))


VAD_FIELDS = {
    "threshold": ("optional double threshold =", 0.001),
    "min_speech_ms": ("optional int32 min_speech_ms =", 1),
    "min_silence_ms": ("optional int32 min_silence_ms =", 1),
    "prefix_padding_ms": ("optional int32 prefix_padding_ms =", 1),
    "max_utterance_ms": ("optional int32 max_utterance_ms =", 1),
}


def taken(name: str, value: float) -> bool:
    try:
        VadOptions().with_settings(VadSettings(**{name: value}), field="vad")  # type: ignore[arg-type]
    except OutOfRange:
        return False
    return True


def test_every_vad_field_has_stated_bounds() -> None:
    assert sorted(VAD_FIELDS) == sorted(VadSettings.__slots__)


@pytest.mark.parametrize("name", VAD_FIELDS)
def test_a_vad_field_is_taken_exactly_within_its_stated_bounds(name: str) -> None:
    declaration, step = VAD_FIELDS[name]
    low, high = (kind(bound) for kind, bound in zip(2 * [type(step)], stated_range(declaration), strict=True))
    assert taken(name, low)
    assert taken(name, high)
    assert not taken(name, low - step)
    assert not taken(name, high + step)


@pytest.mark.parametrize("name", SimultaneousSettings.__slots__)
def test_a_setting_of_simultaneous_translation_has_its_stated_bounds_and_default(name: str) -> None:
    low, high, default = SIMULTANEOUS_LIMITS[name]
    declaration = f"optional int32 {name} ="
    assert stated_range(declaration) == (low, high)
    if name != "patience_frames":  # its default is the checkpoint's
        assert f"Default {default}." in comment_of(declaration)


def test_the_duration_factors() -> None:
    assert stated_range("optional double duration_factor =") == (MIN_DURATION_FACTOR, MAX_DURATION_FACTOR)
    assert f"; {MIN_DURATION_FACTOR} to duration_factor" in comment_of(
        "optional double catch_up_duration_factor ="
    )


@pytest.mark.parametrize(
    ("declaration", "said"),
    [
        ("int32 sample_rate_hz =", f"{MIN_SAMPLE_RATE_HZ} to {MAX_SAMPLE_RATE_HZ}; Opus: "),
        ("int32 sample_rate_hz =", f"Opus: {OPUS_SAMPLE_RATE_HZ}"),
        (
            "int32 channels =",
            f"At most {MAX_CHANNELS}, interleaved (Opus: at most {OPUS_CHANNELS}; G.722: 1)",
        ),
        ("message AudioInput", f"at most {MAX_PACKET_SAMPLES * 1000 // OPUS_SAMPLE_RATE_HZ} ms"),
        ("repeated bytes packets = 11", f"the first {OPUS_LOOKAHEAD_SAMPLES} samples"),
        ("AudioFormat output = 2", f"ENCODING_PCM_S16LE, {INTERNAL_SAMPLE_RATE_HZ} Hz, mono"),
        ("optional double threshold =", f"a frame of {FRAME_MS} ms"),
    ],
)
def test_other_numbers(declaration: str, said: str) -> None:
    assert said in comment_of(declaration)


def test_the_deadlines() -> None:
    head = comment_of('syntax = "proto3"')
    rpc, session = RpcOptions(), SessionOptions()
    assert f"no `config` within {rpc.config_timeout_s:g} seconds" in head
    assert f"no message at all within {rpc.idle_timeout_s / 60:g} minutes" in head
    assert f"no new `ack` for {session.ack_timeout_ms / 60_000:g} minutes" in head
    assert f"client for {rpc.write_timeout_s:g} seconds" in head


@pytest.mark.parametrize(
    ("declaration", "limit"),
    [
        ("int64 samples = 1", "max_silence_ms"),
        ("message UpdateInput", "max_waiting_updates"),
        ("optional int32 max_utterance_ms =", "max_utterance_ms"),
        ("message AckInput", "max_unacknowledged"),
    ],
)
def test_what_depends_on_the_server_names_its_limit(declaration: str, limit: str) -> None:
    assert f"Limits.{limit}" in comment_of(declaration)
    assert comment_of(f"int32 {limit} = ") if limit != "max_utterance_ms" else True
