"""Any input gets a precise status, other clients are not affected, and the server leaks nothing."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import grpc
import numpy as np
import pytest
import pytest_asyncio
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from tests.rpc.byte_server import ByteServer, Cancel, Message, Outcome, Pause, Step, sent, serve_bytes
from tests.rpc.contract import any_message, is_field_path, spoiled
from translate_svc.rpc.options import RpcOptions
from translate_svc.rpc.status import DOMAIN
from translate_svc.v1 import speech_translation_pb2 as pb

# the timeout counts the building of the checkpoint, which takes its time on a busy machine
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

RATE_HZ = 16_000
REQUEST, CALL = pb.StreamingTranslateRequest.DESCRIPTOR, pb.TranslateRequest.DESCRIPTOR
BRIEF = settings(max_examples=25, suppress_health_check=list(HealthCheck))

CALLER_IS_WRONG = {
    grpc.StatusCode.INVALID_ARGUMENT: "INVALID_ARGUMENT",
    grpc.StatusCode.OUT_OF_RANGE: "OUT_OF_RANGE",
    grpc.StatusCode.UNIMPLEMENTED: "UNSUPPORTED",
    grpc.StatusCode.DATA_LOSS: "DATA_LOSS",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def byte_server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[ByteServer]:
    async with serve_bytes(tmp_path_factory.mktemp("tiny") / "tiny") as opened:
        yield opened


def request(**message: Any) -> pb.StreamingTranslateRequest:
    return pb.StreamingTranslateRequest(**message)


def voice(samples: int, seed: int = 3) -> pb.AudioInput:
    """Noise in syllables: something for an encoder to chew on."""
    time = np.arange(samples) / RATE_HZ
    noise = np.random.default_rng(seed).standard_normal(samples)
    wave = 0.2 * noise * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * time))
    return pb.AudioInput(data=np.rint(wave * 32_767).clip(-32_768, 32_767).astype("<i2").tobytes())


def config(**settings: Any) -> pb.StreamConfig:
    chosen: dict[str, Any] = {
        "targets": [pb.TargetSettings(language="spa")],
        "segmentation": pb.SEGMENTATION_MANUAL,
        "guards": pb.GuardSettings(voice_gate=False),
    } | settings
    return pb.StreamConfig(
        input=pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=RATE_HZ),
        settings=pb.StreamSettings(**chosen),
    )


WELL_BEHAVED: list[Step] = [
    sent(request(config=config(source_language="eng", include=[pb.INSPECT_TRANSCRIPT, pb.INSPECT_TOKENS]))),
    *(sent(request(audio=voice(1_600, seed))) for seed in range(3)),
    sent(request(silence=pb.SilenceInput(samples=800))),
    sent(request(finalize=pb.FinalizeInput())),
    sent(request(end=pb.EndInput(total_samples=3 * 1_600 + 800))),
]


def essence(outcome: Outcome) -> dict[str, Any]:
    """What a stream said, without what may differ from run to run: times, and where deltas and chunks end."""
    assert outcome.code is grpc.StatusCode.OK, outcome
    said: dict[str, Any] = defaultdict(str)
    speech: dict[str, bytes] = defaultdict(bytes)
    for response in outcome.events:
        kind = response.WhichOneof("event")
        body = getattr(response, kind)
        match kind:
            case "transcript" | "translation":
                said[f"{kind} {body.utterance_id} {body.language}"] += body.delta
                said[f"{kind} {body.utterance_id} tokens"] += f"{[token.token_id for token in body.tokens]}"
            case "audio":
                speech[f"speech {body.utterance_id} {body.language}"] += body.data
            case "speech_ended":
                said[f"cut {body.utterance_id}"] = (body.source.start, body.source.end, body.reason)
            case "utterance_done":
                said[f"done {body.utterance_id}"] = (body.status, body.usage.speech_ms)
            case "closed":
                said["closed"] = (body.complete, body.usage.speech_ms, body.usage.source_ms)
    return said | {name: np.frombuffer(data, "<i2").astype(int) for name, data in speech.items()}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def usual(byte_server: ByteServer) -> dict[str, Any]:
    """What the well-behaved stream says alone."""
    alone = essence(await byte_server.stream(WELL_BEHAVED))
    assert alone["closed"][0] is True
    assert any(isinstance(value, np.ndarray) for value in alone.values())
    return alone


def check_same(usual: dict[str, Any], outcome: Outcome) -> None:
    said = essence(outcome)
    assert said.keys() == usual.keys()
    for name, value in usual.items():
        if isinstance(value, np.ndarray):
            assert len(value) == len(said[name])
            assert np.abs(value - said[name]).max() <= 4  # 1e-4 of full scale, rounded
        else:
            assert value == said[name], name


def check_told(outcome: Outcome, root: Any, steps: list[Step]) -> None:
    """The status is one that the contract has for what a caller does wrong, with the details it promises."""
    code = outcome.code
    if code is grpc.StatusCode.OK:
        return
    if code is grpc.StatusCode.CANCELLED:
        assert any(isinstance(step, Cancel) for step in steps), outcome
        return
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and outcome.info is None:
        assert any(
            isinstance(step, Message) and len(step) > RpcOptions().max_message_bytes for step in steps
        ), outcome
        return
    assert code in CALLER_IS_WRONG, outcome
    assert (outcome.info.domain, outcome.info.reason) == (DOMAIN, CALLER_IS_WRONG[code])
    if not outcome.field_path:  # bytes that are no message have no field to name
        assert not all(parses(root, step) for step in steps if isinstance(step, Message)), outcome
    else:
        assert is_field_path(root, outcome.field_path), outcome


def parses(root: Any, data: bytes) -> bool:
    try:
        GetMessageClass(root).FromString(data)
    except DecodeError:
        return False
    return True


def check_stream(outcome: Outcome) -> None:
    """However it ended: numbered without gaps, ``opened`` first, ``closed`` last."""
    kinds = [response.WhichOneof("event") for response in outcome.events]
    assert [response.seq for response in outcome.events] == list(range(1, len(kinds) + 1))
    assert kinds[:1] in ([], ["opened"])
    assert kinds.count("opened") == min(len(kinds), 1)
    if outcome.code is grpc.StatusCode.OK:
        assert kinds[-1] == "closed"
        assert kinds.count("speech_started") == kinds.count("speech_ended") == kinds.count("utterance_done")
    else:  # what comes after ``end`` may be found when ``closed`` is on its way
        assert "closed" not in kinds[:-1]


# ------------------------------------------------------------------------------------------ what clients send


def encoded(messages: st.SearchStrategy[Any]) -> st.SearchStrategy[Step]:
    return messages.map(sent)


def mostly(
    usual: st.SearchStrategy[Step], rare: st.SearchStrategy[Step], one_in: int
) -> st.SearchStrategy[Step]:
    return st.integers(1, one_in).flatmap(lambda number: rare if number == one_in else usual)


CONFIGS = st.sampled_from(
    [
        request(config=config()),
        request(config=config(segmentation=pb.SEGMENTATION_VAD)),
        request(config=config(include=[1, 2, 3, 4], source_language="en")),
    ]
)
UPDATES = st.builds(
    lambda targets, include: request(
        update=pb.UpdateInput(settings=config(targets=targets, include=include).settings)
    ),
    st.sampled_from([[pb.TargetSettings(language=tag) for tag in tags] for tags in (["es"], ["eng", "spa"])]),
    st.lists(st.sampled_from((pb.INSPECT_TOKENS, pb.INSPECT_UNITS, pb.INSPECT_TIMINGS)), max_size=2),
)
SOUND = st.sampled_from([request(audio=voice(samples)) for samples in (1, 160, 1_600, 8_000)])
FITTING = st.one_of(
    SOUND,
    SOUND,
    st.sampled_from([request(silence=pb.SilenceInput(samples=samples)) for samples in (1, 512, 16_000)]),
    st.just(request(finalize=pb.FinalizeInput())),
    st.just(request(clear=pb.ClearInput())),
    st.just(request(ack=pb.AckInput(seq=0))),
    UPDATES,
)
PAUSE: st.SearchStrategy[Step] = st.floats(0, 0.02).map(Pause)
WRONG: st.SearchStrategy[Step] = st.one_of(
    encoded(any_message(REQUEST)),
    encoded(spoiled(FITTING)),
    encoded(CONFIGS),  # once more
    encoded(st.builds(lambda total: request(end=pb.EndInput(total_samples=total)), st.integers(0, 9))),
    st.binary(max_size=40).map(Message),
    st.just(5_000_000).map(bytes).map(Message),
    st.just(Cancel()),
)


def ended(steps: list[Step]) -> list[Step]:
    """The steps and an ``end`` that has counted their samples: right, unless something in them is wrong."""
    total = 0
    for step in steps:
        if isinstance(step, Message) and parses(REQUEST, step):
            message = pb.StreamingTranslateRequest.FromString(step)
            total += len(message.audio.data) // 2 + message.silence.samples
    if not 0 <= total < 2**63:
        return steps
    return [*steps, sent(request(end=pb.EndInput(total_samples=total)))]


OPENINGS = mostly(encoded(CONFIGS), mostly(encoded(spoiled(CONFIGS)), WRONG, 3), 5)
FITTING_STEPS = st.lists(mostly(encoded(FITTING), PAUSE, 6), max_size=6)
SEQUENCES = st.builds(
    lambda opening, before, wrong, after, end: (ended if end else list)([opening, *before, *wrong, *after]),
    OPENINGS,
    FITTING_STEPS,
    st.lists(WRONG, max_size=1),
    FITTING_STEPS,
    st.booleans(),
)
CALLS = st.sampled_from(
    [
        pb.TranslateRequest(
            text="the train", source_language="eng", targets=[pb.TargetSettings(language="spa")]
        ),
        pb.TranslateRequest(
            clip=pb.AudioClip(format=config().input, data=voice(4_800).data),
            source_language="en",
            targets=[pb.TargetSettings(language="es", speech=False), pb.TargetSettings(language="eng")],
            include=[pb.INSPECT_TRANSCRIPT, pb.INSPECT_TOKENS, pb.INSPECT_UNITS],
            output=pb.AudioFormat(encoding=pb.ENCODING_PCM_F32LE, sample_rate_hz=24_000),
            guards=pb.GuardSettings(voice_gate=False),
        ),
    ]
)


@BRIEF
@given(steps=SEQUENCES)
async def test_no_sequence_of_messages_does_harm(
    byte_server: ByteServer, usual: dict[str, Any], steps: list[Step]
) -> None:
    outcome, beside = await asyncio.gather(byte_server.stream(steps), byte_server.stream(WELL_BEHAVED))
    event(f"{outcome.code.name}, {'deep' if len(outcome.events) > 3 else 'early'}")
    check_told(outcome, REQUEST, steps)
    check_stream(outcome)
    check_same(usual, beside)
    await byte_server.wait_until_idle()


@BRIEF
@given(
    data=mostly(
        mostly(encoded(spoiled(CALLS)), encoded(CALLS), 4),
        st.one_of(encoded(any_message(CALL)), st.binary(max_size=40).map(Message)),
        5,
    )
)
async def test_no_call_of_translate_does_harm(byte_server: ByteServer, data: Step) -> None:
    assert isinstance(data, Message)
    outcome = await byte_server.translate(data)
    event(outcome.code.name)
    check_told(outcome, CALL, [data])
    kinds = [response.WhichOneof("event") for response in outcome.events]
    if outcome.code is grpc.StatusCode.OK:
        assert kinds[-1] == "utterance_done"
    else:
        assert not kinds
    await byte_server.wait_until_idle()
