"""What a client sends: ``StreamingTranslateRequest`` <-> ``StreamConfig`` and ``ClientMessage``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence, Sized

from translate_svc.errors import InvalidArgument, OutOfRange
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
    GuardSettings,
    Inspect,
    Segmentation,
    SilenceInput,
    StreamConfig,
    StreamSettings,
    TargetSettings,
    UpdateInput,
    VadSettings,
)
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.wire.enums import ENCODINGS, INSPECTS, SEGMENTATIONS

DEFAULT_OUTPUT = AudioFormat(DEFAULT_ENCODING, INTERNAL_SAMPLE_RATE_HZ)
"""What a client gets that does not say what it wants."""

MAX_ENTRIES = 1024
"""Of a list in a request: more than there are languages. Nobody is to wait while a million are decoded."""

_GUARDS = ("voice_gate", "repetition_stop", "length_stop", "script_check")


def decode_request(request: pb.StreamingTranslateRequest) -> StreamConfig | ClientMessage:
    """One message of a client.

    Raises:
        InvalidArgument: names the field by its path in the contract.
    """
    match request.WhichOneof("message"):
        case "config":
            return decode_config(request.config, "config")
        case "audio":
            return AudioInput(request.audio.data)
        case "silence":
            return SilenceInput(_count(request.silence.samples, "silence.samples"))
        case "finalize":
            return FinalizeInput()
        case "update":
            if not request.update.HasField("settings"):
                raise InvalidArgument("is required", field="update.settings")
            return UpdateInput(decode_settings(request.update.settings, "update.settings"))
        case "clear":
            return ClearInput()
        case "ack":
            return AckInput(_count(request.ack.seq, "ack.seq"))
        case "end":
            return EndInput(_count(request.end.total_samples, "end.total_samples"))
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
    """A stream's configuration; ``path`` is where it stands in the contract.

    Raises:
        InvalidArgument: names the field.
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
    )


def encode_config(config: StreamConfig) -> pb.StreamConfig:
    """The inverse of ``decode_config``."""
    return pb.StreamConfig(
        input=encode_format(config.input),
        output=encode_format(config.output),
        settings=encode_settings(config.settings),
        resume_token=config.resume_token,
    )


def decode_format(audio_format: pb.AudioFormat, path: str) -> AudioFormat:
    """Raises InvalidArgument: no encoding, no rate, or a negative number."""
    rate_hz = _count(audio_format.sample_rate_hz, f"{path}.sample_rate_hz")
    if rate_hz == 0:
        raise InvalidArgument("is required", field=f"{path}.sample_rate_hz")
    return AudioFormat(
        encoding=ENCODINGS.decode(audio_format.encoding, f"{path}.encoding"),
        sample_rate_hz=rate_hz,
        channels=_count(audio_format.channels, f"{path}.channels") or 1,
        channel=_count(audio_format.channel, f"{path}.channel"),
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
    """Raises InvalidArgument: an unspecified inspection, a negative or no number."""
    segmentation = Segmentation.VAD
    if settings.segmentation != pb.SEGMENTATION_UNSPECIFIED:
        segmentation = SEGMENTATIONS.decode(settings.segmentation, f"{path}.segmentation")
    return StreamSettings(
        targets=decode_targets(settings.targets, f"{path}.targets"),
        source_language=settings.source_language or None,
        include=decode_include(settings.include, f"{path}.include"),
        segmentation=segmentation,
        vad=_decode_vad(settings.vad, f"{path}.vad"),
        guards=decode_guards(settings.guards),
    )


def encode_settings(settings: StreamSettings) -> pb.StreamSettings:
    """The inverse of ``decode_settings``."""
    vad = settings.vad
    return pb.StreamSettings(
        targets=[encode_target(target) for target in settings.targets],
        source_language=settings.source_language or "",
        include=encode_include(settings.include),
        segmentation=SEGMENTATIONS.encode(settings.segmentation),
        vad=pb.VadSettings(
            threshold=vad.threshold,
            min_speech_ms=vad.min_speech_ms,
            min_silence_ms=vad.min_silence_ms,
            prefix_padding_ms=vad.prefix_padding_ms,
            max_utterance_ms=vad.max_utterance_ms,
        ),
        guards=encode_guards(settings.guards),
    )


def decode_include(numbers: Sequence[int], path: str) -> frozenset[Inspect]:
    """Raises InvalidArgument: an unspecified or unknown inspection; OutOfRange: more than ``MAX_ENTRIES``."""
    _bounded(numbers, path)
    return frozenset(INSPECTS.decode(number, f"{path}[{index}]") for index, number in enumerate(numbers))


def encode_include(include: Iterable[Inspect]) -> list[pb.Inspect]:
    """The inverse of ``decode_include``, in the order of the contract."""
    return sorted(INSPECTS.encode(inspect) for inspect in include)


def decode_targets(targets: Sequence[pb.TargetSettings], path: str) -> tuple[TargetSettings, ...]:
    """Raises InvalidArgument: as ``decode_target``; OutOfRange: more than ``MAX_ENTRIES``."""
    _bounded(targets, path)
    return tuple(decode_target(target, f"{path}[{index}]") for index, target in enumerate(targets))


def decode_guards(guards: pb.GuardSettings) -> GuardSettings:
    """Those that are absent are on."""
    return GuardSettings(
        **{name: getattr(guards, name) for name in _GUARDS if guards.HasField(name)},
    )


def encode_guards(guards: GuardSettings) -> pb.GuardSettings:
    """The inverse of ``decode_guards``."""
    return pb.GuardSettings(**{name: getattr(guards, name) for name in _GUARDS})


def decode_target(target: pb.TargetSettings, path: str) -> TargetSettings:
    """Raises InvalidArgument: a negative or no number."""
    factor = target.duration_factor if target.HasField("duration_factor") else 1.0
    catch_up = target.catch_up_duration_factor if target.HasField("catch_up_duration_factor") else None
    return TargetSettings(
        language=target.language,
        text=target.text if target.HasField("text") else True,
        speech=target.speech if target.HasField("speech") else True,
        speaker_id=_optional_count(target, "speaker_id", path),
        duration_factor=_finite(factor, f"{path}.duration_factor"),
        catch_up_duration_factor=(
            None if catch_up is None else _finite(catch_up, f"{path}.catch_up_duration_factor")
        ),
    )


def encode_target(target: TargetSettings) -> pb.TargetSettings:
    """The inverse of ``decode_target``."""
    return pb.TargetSettings(
        language=target.language,
        text=target.text,
        speech=target.speech,
        speaker_id=target.speaker_id,
        duration_factor=target.duration_factor,
        catch_up_duration_factor=target.catch_up_duration_factor,
    )


def _decode_vad(vad: pb.VadSettings, path: str) -> VadSettings:
    return VadSettings(
        threshold=_finite(vad.threshold, f"{path}.threshold") if vad.HasField("threshold") else None,
        min_speech_ms=_optional_count(vad, "min_speech_ms", path),
        min_silence_ms=_optional_count(vad, "min_silence_ms", path),
        prefix_padding_ms=_optional_count(vad, "prefix_padding_ms", path),
        max_utterance_ms=_optional_count(vad, "max_utterance_ms", path),
    )


def _optional_count(message: pb.TargetSettings | pb.VadSettings, name: str, path: str) -> int | None:
    return _count(getattr(message, name), f"{path}.{name}") if message.HasField(name) else None


def _bounded(entries: Sized, field: str) -> None:
    if len(entries) > MAX_ENTRIES:
        raise OutOfRange(f"has more than {MAX_ENTRIES} entries", field=field)


def _count(number: int, field: str) -> int:
    if number < 0:
        raise InvalidArgument("must not be negative", field=field)
    return number


def _finite(number: float, field: str) -> float:
    if not math.isfinite(number):
        raise InvalidArgument("must be a finite number", field=field)
    return number
