"""Requests of a stream: ``StreamingTranslateRequest`` <-> ``StreamConfig`` and ``ClientMessage``."""

from __future__ import annotations

from typing import Literal

from translate_svc.errors import InvalidArgument
from translate_svc.types import (
    DEFAULT_ENCODING,
    INTERNAL_SAMPLE_RATE_HZ,
    AckInput,
    AudioFormat,
    AudioInput,
    ClearInput,
    ClientMessage,
    EndInput,
    FinalizeInput,
    SilenceInput,
    StreamConfig,
    UpdateInput,
)
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.wire.dataclass_fields import message_of, non_negative
from translate_svc.wire.enums import ENCODINGS
from translate_svc.wire.settings import decode_settings, encode_settings

DEFAULT_OUTPUT = AudioFormat(DEFAULT_ENCODING, INTERNAL_SAMPLE_RATE_HZ)
"""The output format of a client that names none."""


def decode_request(request: pb.StreamingTranslateRequest) -> StreamConfig | ClientMessage:
    """One message of a client.

    Raises:
        InvalidArgument: a field is not valid. Names the field by its path in the contract.
        OutOfRange: a list has too many entries. Names the field.
    """
    match request.WhichOneof("message"):
        case "config":
            return decode_config(request.config, "config")
        case "audio":
            return AudioInput(request.audio.data)
        case "silence":
            return SilenceInput(non_negative(request.silence.samples, "silence.samples"))
        case "finalize":
            return FinalizeInput()
        case "update":
            if not request.update.HasField("settings"):
                raise InvalidArgument("is required", field="update.settings")
            return UpdateInput(decode_settings(request.update.settings, "update.settings"))
        case "clear":
            return ClearInput()
        case "ack":
            return AckInput(non_negative(request.ack.seq, "ack.seq"))
        case "end":
            return EndInput(non_negative(request.end.total_samples, "end.total_samples"))
        case _:
            raise InvalidArgument("none of config, audio, ... is set", field="message")


def encode_request(message: StreamConfig | ClientMessage) -> pb.StreamingTranslateRequest:
    """The inverse of ``decode_request``."""
    match message:
        case AudioInput(data):
            return pb.StreamingTranslateRequest(audio=pb.AudioInput(data=data))
        case SilenceInput(samples):
            return pb.StreamingTranslateRequest(silence=pb.SilenceInput(samples=samples))
        case FinalizeInput():
            return pb.StreamingTranslateRequest(finalize=pb.FinalizeInput())
        case UpdateInput(settings):
            update = pb.UpdateInput(settings=encode_settings(settings, "update.settings"))
            return pb.StreamingTranslateRequest(update=update)
        case ClearInput():
            return pb.StreamingTranslateRequest(clear=pb.ClearInput())
        case AckInput(seq):
            return pb.StreamingTranslateRequest(ack=pb.AckInput(seq=seq))
        case EndInput(total_samples):
            return pb.StreamingTranslateRequest(end=pb.EndInput(total_samples=total_samples))
        case StreamConfig():
            return pb.StreamingTranslateRequest(config=encode_config(message, "config"))


def decode_config(config: pb.StreamConfig, path: str) -> StreamConfig:
    """A stream's configuration; ``path`` is its path in the contract.

    Raises:
        InvalidArgument: a field is not valid. Names the field.
        OutOfRange: a list has too many entries. Names the field.
    """
    # those of the stream that is resumed hold, so there they may be left out
    for name in ("input",) if config.resume_token else ("input", "settings"):
        if not config.HasField(name):
            raise InvalidArgument("is required", field=f"{path}.{name}")
    output = decode_format(config.output, f"{path}.output") if config.HasField("output") else DEFAULT_OUTPUT
    return StreamConfig(
        input=decode_format(config.input, f"{path}.input"),
        output=output,
        settings=decode_settings(config.settings, f"{path}.settings"),
        resume_token=config.resume_token,
        resume_from_sample=_optional_count(config, "resume_from_sample", path),
        resume_utterance_id=_optional_count(config, "resume_utterance_id", path),
    )


def encode_config(config: StreamConfig, path: str) -> pb.StreamConfig:
    """The inverse of ``decode_config``.

    Raises:
        InvalidArgument: a value is not of its kind. Names the field.
    """
    return pb.StreamConfig(
        input=encode_format(config.input, f"{path}.input"),
        output=encode_format(config.output, f"{path}.output"),
        settings=encode_settings(config.settings, f"{path}.settings"),
        resume_token=config.resume_token,
        resume_from_sample=config.resume_from_sample,
        resume_utterance_id=config.resume_utterance_id,
    )


def decode_format(audio_format: pb.AudioFormat, path: str) -> AudioFormat:
    """An audio format; one channel if no number is set.

    Raises:
        InvalidArgument: the encoding or the rate is missing, or a number is negative. Names the field.
    """
    rate_hz = non_negative(audio_format.sample_rate_hz, f"{path}.sample_rate_hz")
    if rate_hz == 0:
        raise InvalidArgument("is required", field=f"{path}.sample_rate_hz")
    return AudioFormat(
        encoding=ENCODINGS.decode(audio_format.encoding, f"{path}.encoding"),
        sample_rate_hz=rate_hz,
        channels=non_negative(audio_format.channels, f"{path}.channels") or 1,
        channel=non_negative(audio_format.channel, f"{path}.channel"),
    )


def encode_format(audio_format: AudioFormat, path: str) -> pb.AudioFormat:
    """The inverse of ``decode_format``.

    Raises:
        InvalidArgument: a value is not of its kind. Names the field.
    """
    if not isinstance(audio_format, AudioFormat):
        raise InvalidArgument(f"must be AudioFormat, not {type(audio_format).__name__}", field=path)
    numbers = {
        "sample_rate_hz": audio_format.sample_rate_hz,
        "channels": audio_format.channels,
        "channel": audio_format.channel,
    }
    return message_of(pb.AudioFormat, path, {"encoding": ENCODINGS.encode(audio_format.encoding)} | numbers)


def _optional_count(
    config: pb.StreamConfig, name: Literal["resume_from_sample", "resume_utterance_id"], path: str
) -> int | None:
    return non_negative(getattr(config, name), f"{path}.{name}") if config.HasField(name) else None
