"""Requests of a stream: ``StreamingTranslateRequest`` <-> ``StreamConfig`` and ``ClientMessage``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from typing import Literal

from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.types import (
    DEFAULT_ENCODING,
    INTERNAL_SAMPLE_RATE_HZ,
    AckInput,
    AudioFormat,
    AudioInput,
    BeamSearchSettings,
    ClearInput,
    ClientMessage,
    Echo,
    EndInput,
    FinalizeInput,
    GuardSettings,
    Inspect,
    Segmentation,
    SilenceInput,
    SimultaneousSettings,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    Term,
    UpdateInput,
    VadSettings,
)
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.wire.dataclass_fields import decode_dataclass, encode_dataclass, non_negative
from translate_svc.wire.enums import ECHOES, ENCODINGS, INSPECTS, SEGMENTATIONS

DEFAULT_OUTPUT = AudioFormat(DEFAULT_ENCODING, INTERNAL_SAMPLE_RATE_HZ)
"""The output format of a client that names none."""

MAX_ENTRIES = 1024
"""Limit of a list in a request. No list needs more; decoding a million entries would delay other calls."""


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
            update = pb.UpdateInput(settings=encode_settings(settings))
            return pb.StreamingTranslateRequest(update=update)
        case ClearInput():
            return pb.StreamingTranslateRequest(clear=pb.ClearInput())
        case AckInput(seq):
            return pb.StreamingTranslateRequest(ack=pb.AckInput(seq=seq))
        case EndInput(total_samples):
            return pb.StreamingTranslateRequest(end=pb.EndInput(total_samples=total_samples))
        case StreamConfig():
            return pb.StreamingTranslateRequest(config=encode_config(message))


def decode_config(config: pb.StreamConfig, path: str) -> StreamConfig:
    """A stream's configuration; ``path`` is its path in the contract.

    Raises:
        InvalidArgument: a field is not valid. Names the field.
        OutOfRange: a list has too many entries. Names the field.
    """
    for name in ("input", "settings"):
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


def encode_config(config: StreamConfig) -> pb.StreamConfig:
    """The inverse of ``decode_config``."""
    return pb.StreamConfig(
        input=encode_format(config.input),
        output=encode_format(config.output),
        settings=encode_settings(config.settings),
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


def encode_format(audio_format: AudioFormat) -> pb.AudioFormat:
    """The inverse of ``decode_format``."""
    return pb.AudioFormat(
        encoding=ENCODINGS.encode(audio_format.encoding),
        sample_rate_hz=audio_format.sample_rate_hz,
        channels=audio_format.channels,
        channel=audio_format.channel,
    )


def decode_settings(settings: pb.StreamSettings, path: str) -> StreamSettings:
    """A stream's settings.

    Raises:
        InvalidArgument: an enum value is not known, or a number is negative or not finite. Names the field.
        OutOfRange: a list has too many entries. Names the field.
    """
    segmentation = Segmentation.VAD
    if settings.segmentation != pb.SEGMENTATION_UNSPECIFIED:
        segmentation = SEGMENTATIONS.decode(settings.segmentation, f"{path}.segmentation")
    return StreamSettings(
        targets=decode_targets(settings.targets, f"{path}.targets"),
        source_language=settings.source_language or None,
        include=decode_include(settings.include, f"{path}.include"),
        segmentation=segmentation,
        vad=decode_dataclass(VadSettings, settings.vad, f"{path}.vad"),
        guards=decode_dataclass(GuardSettings, settings.guards, f"{path}.guards"),
        simultaneous=decode_dataclass(SimultaneousSettings, settings.simultaneous, f"{path}.simultaneous")
        if settings.HasField("simultaneous")
        else None,
        beam_search=decode_beam_search(settings, f"{path}.beam_search"),
        source_candidates=decode_candidates(settings.source_candidates, f"{path}.source_candidates"),
        echo=decode_echo(settings.echo, f"{path}.echo"),
        terms=decode_terms(settings.terms, f"{path}.terms"),
    )


def decode_beam_search(
    message: pb.StreamSettings | pb.TranslateRequest, path: str
) -> BeamSearchSettings | None:
    """The field ``beam_search``, if it is set. ``path`` is its path in the contract.

    Raises:
        InvalidArgument: a number is negative or not finite. Names the field.
    """
    if not message.HasField("beam_search"):
        return None
    return decode_dataclass(BeamSearchSettings, message.beam_search, path)


def decode_candidates(candidates: Sequence[str], path: str) -> tuple[str, ...]:
    """The languages that a source may be in.

    Raises:
        OutOfRange: there are more than ``MAX_ENTRIES``.
    """
    _check_length(candidates, path)
    return tuple(candidates)


def decode_echo(number: int, path: str) -> Echo:
    """What becomes of a target whose language is spoken already.

    Raises:
        InvalidArgument: it is not known.
    """
    return Echo.SPEAK if number == pb.ECHO_UNSPECIFIED else ECHOES.decode(number, path)


def encode_settings(settings: StreamSettings) -> pb.StreamSettings:
    """The inverse of ``decode_settings``."""
    return pb.StreamSettings(
        targets=encode_targets(settings.targets),
        source_language=settings.source_language or "",
        include=encode_include(settings.include),
        segmentation=SEGMENTATIONS.encode(settings.segmentation),
        vad=encode_dataclass(pb.VadSettings, settings.vad),
        guards=encode_dataclass(pb.GuardSettings, settings.guards),
        simultaneous=None
        if settings.simultaneous is None
        else encode_dataclass(pb.SimultaneousSettings, settings.simultaneous),
        beam_search=encode_beam_search(settings.beam_search),
        source_candidates=settings.source_candidates,
        echo=ECHOES.encode(settings.echo),
        terms=encode_terms(settings.terms),
    )


def encode_beam_search(settings: BeamSearchSettings | None) -> pb.BeamSearchSettings | None:
    """The inverse of ``decode_beam_search``."""
    return None if settings is None else encode_dataclass(pb.BeamSearchSettings, settings)


def decode_include(numbers: Sequence[int], path: str) -> frozenset[Inspect]:
    """The set of requested inspections.

    Raises:
        InvalidArgument: an inspection is unspecified, unknown or repeated. Names the entry.
        OutOfRange: there are more than ``MAX_ENTRIES``.
    """
    _check_length(numbers, path)
    include: set[Inspect] = set()
    for index, number in enumerate(numbers):
        inspect = INSPECTS.decode(number, f"{path}[{index}]")
        if inspect in include:
            raise InvalidArgument("is included already", field=f"{path}[{index}]")
        include.add(inspect)
    return frozenset(include)


def encode_include(include: Iterable[Inspect]) -> list[pb.Inspect]:
    """The inverse of ``decode_include``, in the order of the contract."""
    return sorted(INSPECTS.encode(inspect) for inspect in include)


def decode_targets(targets: Sequence[pb.TargetSettings], path: str) -> tuple[TargetSettings, ...]:
    """The target languages.

    Raises:
        InvalidArgument: a number is negative or not finite. Names the field.
        OutOfRange: there are more than ``MAX_ENTRIES``.
    """
    _check_length(targets, path)
    return tuple(
        decode_dataclass(TargetSettings, target, f"{path}[{index}]") for index, target in enumerate(targets)
    )


def encode_targets(targets: Iterable[TargetSettings]) -> list[pb.TargetSettings]:
    """The inverse of ``decode_targets``."""
    return [encode_dataclass(pb.TargetSettings, target) for target in targets]


def decode_terms(terms: Sequence[pb.Term], path: str) -> tuple[Term, ...]:
    """The caller's own words.

    Raises:
        OutOfRange: there are more than ``MAX_ENTRIES``.
    """
    _check_length(terms, path)
    return tuple(decode_dataclass(Term, term, f"{path}[{index}]") for index, term in enumerate(terms))


def encode_terms(terms: Iterable[Term]) -> list[pb.Term]:
    """The inverse of ``decode_terms``."""
    return [encode_dataclass(pb.Term, term) for term in terms]


def _optional_count(
    config: pb.StreamConfig, name: Literal["resume_from_sample", "resume_utterance_id"], path: str
) -> int | None:
    return non_negative(getattr(config, name), f"{path}.{name}") if config.HasField(name) else None


def _check_length(entries: Sized, field: str) -> None:
    if len(entries) > MAX_ENTRIES:
        raise OutOfRange(f"has more than {MAX_ENTRIES} entries", field=field)
