"""What a server can do: the responses of ``ListLanguages`` and ``GetServerInfo``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from translate_svc.languages import Language
from translate_svc.types import FrontProcess, ModelInfo, ServerInfo, ServerLimits, ServerLoad
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.wire.enums import ENCODINGS

_ENCODING_LISTS = ("input_encodings", "output_encodings")
_LIMIT_COUNTS = tuple(field.name for field in fields(ServerLimits) if field.name not in _ENCODING_LISTS)
_LOAD_COUNTS = tuple(field.name for field in fields(ServerLoad))
_PROCESS_FIELDS = tuple(field.name for field in fields(FrontProcess))


def encode_languages(languages: Iterable[Language]) -> pb.ListLanguagesResponse:
    """The languages sorted by code, as the contract requires."""
    return pb.ListLanguagesResponse(
        languages=[
            pb.Language(
                code=language.code,
                bcp47=language.bcp47,
                name=language.name,
                speech_in=language.speech_in,
                text=language.text,
                speech_out=language.speech_out,
                speaker_ids=language.speaker_ids,
                detected=language.detected,
                detection_accuracy=language.detection_accuracy,
                detection_source=language.detection_source,
            )
            for language in sorted(languages, key=lambda language: language.code)
        ]
    )


def decode_languages(response: pb.ListLanguagesResponse) -> tuple[Language, ...]:
    """The inverse of ``encode_languages``."""
    return tuple(
        Language(
            code=language.code,
            bcp47=language.bcp47,
            name=language.name,
            speech_in=language.speech_in,
            text=language.text,
            speech_out=language.speech_out,
            speaker_ids=tuple(language.speaker_ids),
            detected=language.detected,
            detection_accuracy=language.detection_accuracy,
            detection_source=language.detection_source,
        )
        for language in response.languages
    )


def encode_info(info: ServerInfo) -> pb.GetServerInfoResponse:
    """Package version, model, limits and load as one response."""
    model, limits = info.model, info.limits
    return pb.GetServerInfoResponse(
        version=info.version,
        model=pb.ModelInfo(
            name=model.name,
            revision=model.revision,
            license=model.license,
            device=model.device,
            dtype=model.dtype,
            notice=model.notice,
        ),
        limits=pb.Limits(
            **{name: getattr(limits, name) for name in _LIMIT_COUNTS},
            input_encodings=[ENCODINGS.encode(encoding) for encoding in limits.input_encodings],
            output_encodings=[ENCODINGS.encode(encoding) for encoding in limits.output_encodings],
        ),
        load=pb.Load(**{name: getattr(info.load, name) for name in _LOAD_COUNTS}),
        front_processes=[
            pb.FrontProcess(**{name: getattr(process, name) for name in _PROCESS_FIELDS})
            for process in info.front_processes
        ],
    )


def decode_info(response: pb.GetServerInfoResponse) -> ServerInfo:
    """The inverse of ``encode_info``. Encodings of a later contract are dropped."""
    model, limits = response.model, response.limits
    return ServerInfo(
        version=response.version,
        model=ModelInfo(model.name, model.revision, model.license, model.device, model.dtype, model.notice),
        limits=ServerLimits(
            **{name: getattr(limits, name) for name in _LIMIT_COUNTS},
            input_encodings=tuple(ENCODINGS.known(limits.input_encodings)),
            output_encodings=tuple(ENCODINGS.known(limits.output_encodings)),
        ),
        load=ServerLoad(**{name: getattr(response.load, name) for name in _LOAD_COUNTS}),
        front_processes=tuple(
            FrontProcess(**{name: getattr(process, name) for name in _PROCESS_FIELDS})
            for process in response.front_processes
        ),
    )
