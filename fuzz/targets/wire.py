"""Messages as bytes: counting, parsing, decoding, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.message import Message

from translate_svc import wire
from translate_svc.errors import InvalidArgument, Unsupported
from translate_svc.rpc.request_reader import parse
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.wire.entry_count import entries

MAX_BYTES = 2_048
_KINDS: tuple[tuple[type[Message], Callable[[Any], Any], Callable[[Any], Message]], ...] = (
    (pb.StreamingTranslateRequest, wire.decode_request, wire.encode_request),
    (pb.TranslateRequest, wire.decode_translate_request, wire.encode_translate_request),
)


def run(data: bytes) -> None:
    """The first byte chooses the message. A decoded message must mean the same after another round trip."""
    kind, decode, encode = _KINDS[(data[:1] or b"\0")[0] % len(_KINDS)]
    descriptor: Any = kind.DESCRIPTOR
    entries(data[1:], descriptor, 1_000)  # whatever the bytes are
    try:
        decoded = decode(parse(data[1:], kind.FromString))
    except (InvalidArgument, Unsupported):
        return
    again = encode(decoded)
    assert encode(decode(kind.FromString(again.SerializeToString()))) == again


def seeds() -> Iterator[bytes]:
    """Every message of a stream, and both kinds of a call."""
    settings = pb.StreamSettings(
        source_language="en",
        targets=[pb.TargetSettings(language="es"), pb.TargetSettings(language="fr", speech=False)],
        vad=pb.VadSettings(threshold=0.4, min_silence_ms=400),
        include=[pb.INSPECT_TOKENS, pb.INSPECT_TRANSCRIPT],
    )
    turns = pb.StreamSettings(
        source_language="auto",
        source_candidates=["en", "es"],
        echo=pb.ECHO_PASS,
        targets=[pb.TargetSettings(language="es"), pb.TargetSettings(language="en")],
        beam_search=pb.BeamSearchSettings(num_beams=2),
        simultaneous=pb.SimultaneousSettings(step_ms=480),
    )
    termed = pb.StreamSettings(
        source_language="en",
        targets=settings.targets,
        terms=[pb.Term(source="train", target="ferrocarril", language="es"), pb.Term(source="Laura")],
    )
    audio = pb.AudioFormat(encoding=pb.ENCODING_PCM_S16LE, sample_rate_hz=16_000)
    for message in (
        pb.StreamingTranslateRequest(config=pb.StreamConfig(input=audio, output=audio, settings=settings)),
        pb.StreamingTranslateRequest(config=pb.StreamConfig(input=audio, output=audio, settings=turns)),
        pb.StreamingTranslateRequest(update=pb.UpdateInput(settings=termed)),
        pb.StreamingTranslateRequest(audio=pb.AudioInput(data=bytes(64))),
        pb.StreamingTranslateRequest(silence=pb.SilenceInput(samples=9)),
        pb.StreamingTranslateRequest(finalize=pb.FinalizeInput()),
        pb.StreamingTranslateRequest(update=pb.UpdateInput(settings=settings)),
        pb.StreamingTranslateRequest(ack=pb.AckInput(seq=7)),
        pb.StreamingTranslateRequest(end=pb.EndInput(total_samples=41)),
    ):
        yield b"\0" + message.SerializeToString()
    for call in (
        pb.TranslateRequest(text="Good morning.", source_language="en", targets=settings.targets),
        pb.TranslateRequest(clip=pb.AudioClip(format=audio, data=bytes(64)), targets=settings.targets),
    ):
        yield b"\1" + call.SerializeToString()
