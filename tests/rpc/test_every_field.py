"""Every field of every request, set to what it must not be: the status, and the field that it names.

The fields are those of the descriptors, so a field added to the contract fails here until it is covered.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.protobuf.message import Message

from tests.rpc.byte_server import ByteServer, sent, serve_bytes
from tests.rpc.contract import leaf_paths
from translate_svc.rpc.options import RpcOptions
from translate_svc.session.options import SessionOptions
from translate_svc.v1 import speech_translation_pb2 as pb

# the timeout counts the building of the checkpoint, which takes its time on a busy machine
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

INVALID, RANGE = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE
UNSERVED, LOSS = grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.DATA_LOSS


@dataclass(frozen=True, slots=True)
class Wrong:
    """A value, what it comes to, and the field that is named: its own unless said otherwise.

    ``also`` are values of other fields beside it, by their paths.
    """

    value: Any
    code: grpc.StatusCode
    names: str = ""
    also: Mapping[str, Any] = field(default_factory=dict)


# A bool that is there has no wrong value, nor has a message without fields; when they come is another matter.
HARMLESS: tuple[Wrong, ...] = ()

TERM = {"terms.source": "x"}
TEXT_ALONE = {"targets.speech": False}
MANUAL = {"segmentation": pb.SEGMENTATION_MANUAL}

SETTINGS: dict[str, tuple[Wrong, ...]] = {
    "targets.language": (Wrong("tlh", INVALID), Wrong("", INVALID), Wrong("x" * 20_000, INVALID)),
    "targets.text": (Wrong(False, INVALID, also={"targets.speech": False}),),
    "targets.speech": (Wrong(True, INVALID, also={"targets.language": "fra"}),),
    "targets.speaker_id": (Wrong(-1, INVALID), Wrong(9_999, INVALID), Wrong(0, INVALID, also=TEXT_ALONE)),
    "targets.duration_factor": (
        Wrong(0.49, RANGE),
        Wrong(2.01, RANGE),
        Wrong(math.nan, INVALID),
        Wrong(0.9, INVALID, also=TEXT_ALONE),
    ),
    "targets.catch_up_duration_factor": (
        Wrong(0.49, RANGE),
        Wrong(1.01, RANGE),
        Wrong(math.inf, INVALID),
        Wrong(0.9, INVALID, also=TEXT_ALONE),
    ),
    "source_language": (Wrong("tlh", INVALID), Wrong("auto", INVALID)),
    "source_candidates": (
        Wrong(["eng"], INVALID),
        Wrong(["eng"], INVALID, names="source_language", also={"source_language": "auto"}),
        Wrong(["eng"] * 2_000, RANGE),
    ),
    "echo": (Wrong(99, INVALID),),
    "include": (
        Wrong([pb.INSPECT_TOKENS, 0], INVALID, names="include[1]"),
        Wrong([99], INVALID, names="include[0]"),
        Wrong([pb.INSPECT_DRAFTS], INVALID, names="include"),
        Wrong([pb.INSPECT_UNITS], INVALID, names="include", also=TEXT_ALONE),
        Wrong([pb.INSPECT_TOKENS, pb.INSPECT_UNITS, pb.INSPECT_TOKENS], INVALID, names="include[2]"),
        Wrong([pb.INSPECT_TOKENS] * 2_000, RANGE, names="include"),
        Wrong([pb.INSPECT_TRANSCRIPT], INVALID, names="source_language", also={"source_language": ""}),
    ),
    "guards.voice_gate": HARMLESS,
    "guards.repetition_stop": HARMLESS,
    "guards.length_stop": HARMLESS,
    "guards.script_check": HARMLESS,
    "guards.low_confidence": HARMLESS,
    "beam_search.num_beams": (Wrong(-1, INVALID), Wrong(0, RANGE), Wrong(9, RANGE)),
    "terms.source": (Wrong("", INVALID), Wrong("x" * 65, RANGE), Wrong("\n", INVALID)),
    "terms.target": (Wrong("x\0", INVALID, also=TERM), Wrong("x" * 65, RANGE, also=TERM)),
    "terms.language": (Wrong("tlh", INVALID, also=TERM),),
    "beam_search.length_penalty": (Wrong(-4.1, RANGE), Wrong(4.1, RANGE), Wrong(math.nan, INVALID)),
}
STREAM_SETTINGS = SETTINGS | {
    "segmentation": (Wrong(99, INVALID),),
    "vad.threshold": (Wrong(0.0, RANGE), Wrong(1.0, RANGE), Wrong(math.nan, INVALID)),
    "vad.min_speech_ms": (
        Wrong(-1, INVALID),
        Wrong(2**31 - 1, RANGE),
        Wrong(100, INVALID, also=MANUAL),
    ),
    "vad.min_silence_ms": (Wrong(-1, INVALID), Wrong(299, RANGE), Wrong(500, INVALID, also=MANUAL)),
    "vad.prefix_padding_ms": (
        Wrong(-1, INVALID),
        Wrong(2**31 - 1, RANGE),
        Wrong(300, INVALID, also=MANUAL),
    ),
    "vad.max_utterance_ms": (Wrong(0, RANGE), Wrong(600_000, RANGE)),
    "simultaneous.step_ms": (Wrong(-1, INVALID), Wrong(159, RANGE), Wrong(5_001, RANGE)),
    "simultaneous.patience_frames": (Wrong(-1, INVALID), Wrong(33, RANGE)),
    "simultaneous.max_buffer_ms": (Wrong(-1, INVALID), Wrong(3_999, RANGE), Wrong(30_001, RANGE)),
}
CODING = {
    "encoding": (Wrong(0, INVALID), Wrong(99, INVALID)),
    "sample_rate_hz": (Wrong(0, INVALID), Wrong(-1, INVALID), Wrong(7_999, RANGE), Wrong(48_001, RANGE)),
}
INPUT = CODING | {
    "channels": (
        Wrong(-1, INVALID),
        Wrong(9, RANGE, also={"channel": 1}),
        Wrong(2, INVALID, names="channel"),
    ),
    "channel": (Wrong(-1, INVALID), Wrong(2, INVALID), Wrong(3, INVALID, also={"channels": 2})),
}
OUTPUT = CODING | {
    "channels": (Wrong(-1, INVALID), Wrong(2, INVALID)),
    "channel": (Wrong(-1, INVALID), Wrong(2, INVALID)),
}


def under(prefix: str, table: Mapping[str, tuple[Wrong, ...]]) -> dict[str, tuple[Wrong, ...]]:
    """The table of a message that stands at ``prefix``."""
    return {
        f"{prefix}{path}": tuple(
            Wrong(
                wrong.value,
                wrong.code,
                wrong.names and f"{prefix}{wrong.names}",
                {f"{prefix}{other}": value for other, value in wrong.also.items()},
            )
            for wrong in wrongs
        )
        for path, wrongs in table.items()
    }


STREAM: dict[str, tuple[Wrong, ...]] = {
    **under("config.input.", INPUT),
    **under("config.output.", OUTPUT),
    **under("config.settings.", STREAM_SETTINGS),
    "config.resume_token": (Wrong(b"token", INVALID),),
    "config.resume_from_sample": (Wrong(-1, INVALID), Wrong(0, INVALID)),
    "config.resume_utterance_id": (Wrong(-1, INVALID), Wrong(0, INVALID)),
    "audio.data": (Wrong(b"\0", INVALID), Wrong(bytes(SessionOptions().max_audio_chunk_bytes + 2), RANGE)),
    "silence.samples": (Wrong(0, INVALID), Wrong(-1, INVALID), Wrong(2**62, RANGE)),
    "finalize": HARMLESS,
    **under("update.settings.", STREAM_SETTINGS),
    "clear": HARMLESS,
    "ack.seq": (Wrong(-1, INVALID), Wrong(1_000, INVALID)),
    "end.total_samples": (Wrong(-1, INVALID), Wrong(7, LOSS), Wrong(2**63 - 1, LOSS)),
}
CALL: dict[str, tuple[Wrong, ...]] = {
    "text": (
        Wrong("", INVALID),
        Wrong(" \u200b\n", INVALID),
        Wrong("a\x00b", INVALID),
        Wrong("x" * (SessionOptions().max_text_characters + 1), RANGE),
    ),
    **under("clip.format.", INPUT),
    "clip.data": (
        Wrong(b"", INVALID),
        Wrong(b"\0", INVALID),
        Wrong(bytes(SessionOptions().max_clip_bytes + 2), RANGE),
    ),
    "clip.packets": (Wrong([b"\0"], INVALID),),
    **SETTINGS,
    **under("output.", OUTPUT),
}

STREAM_FIELDS = list(leaf_paths(pb.StreamingTranslateRequest.DESCRIPTOR))
CALL_FIELDS = list(leaf_paths(pb.TranslateRequest.DESCRIPTOR))


def cases(table: Mapping[str, tuple[Wrong, ...]]) -> list[Any]:
    return [
        pytest.param(path, wrong, id=f"{path}-{index}")
        for path, wrongs in table.items()
        for index, wrong in enumerate(wrongs)
    ]


def put(message: Message, path: str, value: Any) -> None:
    """Sets the field at ``path``; of a repeated message that of its first entry, made if need be."""
    *parents, name = path.split(".")
    here: Any = message
    for parent in parents:
        inside = getattr(here, parent)
        if here.DESCRIPTOR.fields_by_name[parent].is_repeated:
            inside = inside[0] if inside else inside.add()
        here = inside
        here.SetInParent()
    here.ClearField(name)
    here.MergeFrom(type(here)(**{name: value}))


def spoil(message: Message, path: str, wrong: Wrong) -> str:
    """Puts it in and returns the field that is to be named."""
    for other, value in wrong.also.items():
        put(message, other, value)
    put(message, path, wrong.value)
    return (wrong.names or path).replace("targets.", "targets[0].").replace("terms.", "terms[0].")


def right_config() -> pb.StreamConfig:
    return pb.StreamConfig(
        input=pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=16_000),
        output=pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=16_000),
        settings=right_settings(),
    )


def right_settings() -> pb.StreamSettings:
    return pb.StreamSettings(targets=[pb.TargetSettings(language="spa")], source_language="eng")


def right_call(path: str) -> pb.TranslateRequest:
    call = pb.TranslateRequest(
        source_language="eng",
        targets=[pb.TargetSettings(language="spa")],
        output=pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=16_000),
    )
    if path == "text":
        call.text = "the train"
    else:
        call.clip.CopyFrom(pb.AudioClip(format=right_config().input, data=bytes(3_200)))
    return call


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def byte_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ByteServer]:
    async with serve_bytes(tmp_path_factory.mktemp("tiny") / "tiny") as opened:
        yield opened


async def test_the_tables_have_every_field() -> None:
    assert sorted(STREAM) == sorted(STREAM_FIELDS)
    assert sorted(CALL) == sorted(CALL_FIELDS)


@pytest.mark.parametrize(("path", "wrong"), cases(STREAM))
async def test_a_wrong_field_of_a_stream_is_named(byte_server: ByteServer, path: str, wrong: Wrong) -> None:
    opening = pb.StreamingTranslateRequest(config=right_config())
    if path.startswith("config."):
        named, messages = spoil(opening, path, wrong), [opening]
    else:
        later = pb.StreamingTranslateRequest()
        if path.startswith("update."):
            later.update.settings.CopyFrom(right_settings())
        named, messages = spoil(later, path, wrong), [opening, later]
    outcome = await byte_server.stream(sent(message) for message in messages)
    assert (outcome.code, outcome.field_path) == (wrong.code, named), outcome.message


@pytest.mark.parametrize(("path", "wrong"), cases(CALL))
async def test_a_wrong_field_of_a_call_is_named(byte_server: ByteServer, path: str, wrong: Wrong) -> None:
    call = right_call(path)
    named = spoil(call, path, wrong)
    outcome = await byte_server.translate(sent(call))
    assert (outcome.code, outcome.field_path) == (wrong.code, named), outcome.message


MESSAGES = {
    "audio": pb.StreamingTranslateRequest(audio=pb.AudioInput(data=bytes(640))),
    "silence": pb.StreamingTranslateRequest(silence=pb.SilenceInput(samples=320)),
    "finalize": pb.StreamingTranslateRequest(finalize=pb.FinalizeInput()),
    "update": pb.StreamingTranslateRequest(update=pb.UpdateInput(settings=right_settings())),
    "clear": pb.StreamingTranslateRequest(clear=pb.ClearInput()),
    "ack": pb.StreamingTranslateRequest(ack=pb.AckInput(seq=0)),
    "end": pb.StreamingTranslateRequest(end=pb.EndInput()),
}


async def test_every_kind_of_message_is_tried_out_of_place() -> None:
    kinds = pb.StreamingTranslateRequest.DESCRIPTOR.oneofs_by_name["message"].fields
    assert [kind.name for kind in kinds] == ["config", *MESSAGES]


@pytest.mark.parametrize("kind", MESSAGES)
async def test_before_config_nothing_may_come(byte_server: ByteServer, kind: str) -> None:
    outcome = await byte_server.stream(
        [sent(MESSAGES[kind]), sent(pb.StreamingTranslateRequest(config=right_config()))]
    )
    assert (outcome.code, outcome.field_path) == (INVALID, "config")


@pytest.mark.parametrize("kind", ["config", *MESSAGES])
async def test_after_end_nothing_may_come(byte_server: ByteServer, kind: str) -> None:
    config = pb.StreamingTranslateRequest(config=right_config())
    late = config if kind == "config" else MESSAGES[kind]
    # what keeps the stream open for a while
    silence = pb.StreamingTranslateRequest(silence=pb.SilenceInput(samples=480_000))
    end = pb.StreamingTranslateRequest(end=pb.EndInput(total_samples=480_000))
    steps = [sent(config), sent(silence), sent(end), sent(late)]
    outcome = await byte_server.stream(steps)
    for _ in range(4):
        # a stream that ends before the server has read the message is right as well
        if outcome.code is not grpc.StatusCode.OK:
            break
        outcome = await byte_server.stream(steps)
    assert (outcome.code, outcome.field_path) == (INVALID, kind)


async def test_a_message_past_the_limit_is_refused_without_a_field(
    byte_server: ByteServer,
) -> None:
    config = pb.StreamingTranslateRequest(config=right_config())
    config.config.resume_token = bytes(RpcOptions().max_message_bytes + 1)
    outcome = await byte_server.stream([sent(config)])
    assert outcome.code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert (outcome.retry, outcome.field_path) == (None, "")
