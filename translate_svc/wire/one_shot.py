"""Messages of Translate: ``pb.TranslateRequest`` <-> ``types.TranslateRequest``, ``pb.TranslateResponse`` <->
``types.ResultEvent``.
"""

from __future__ import annotations

from translate_svc.errors import DataLoss, InvalidArgument, OutOfRange
from translate_svc.types import AudioClip, GuardSettings, ResultEvent, TranslateRequest
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.wire.dataclass_fields import decode_dataclass, message_of
from translate_svc.wire.enums import ECHOES
from translate_svc.wire.requests import DEFAULT_OUTPUT, decode_format, encode_format
from translate_svc.wire.results import decode_result, encode_result
from translate_svc.wire.settings import (
    decode_beam_search,
    decode_candidates,
    decode_echo,
    decode_include,
    decode_targets,
    decode_terms,
    encode_beam_search,
    encode_guards,
    encode_include,
    encode_targets,
    encode_terms,
)

MAX_PACKETS = 16_384
"""Limit of one clip: 40 s of the shortest Opus packets, more than any utterance may last."""


def decode_translate_request(request: pb.TranslateRequest) -> TranslateRequest:
    """The request in plain types.

    Raises:
        InvalidArgument: a field is not valid. Names the field by its path in the contract, ``input`` if there
            is neither a text nor a clip.
        OutOfRange: a list has too many entries. Names the field.
    """
    return TranslateRequest(
        source=_decode_source(request),
        targets=decode_targets(request.targets, "targets"),
        output=decode_format(request.output, "output") if request.HasField("output") else DEFAULT_OUTPUT,
        source_language=request.source_language or None,
        include=decode_include(request.include, "include"),
        guards=decode_dataclass(GuardSettings, request.guards, "guards"),
        beam_search=decode_beam_search(request, "beam_search"),
        source_candidates=decode_candidates(request.source_candidates, "source_candidates"),
        echo=decode_echo(request.echo, "echo"),
        terms=decode_terms(request.terms, "terms"),
    )


def encode_translate_request(request: TranslateRequest) -> pb.TranslateRequest:
    """The inverse of ``decode_translate_request``.

    Raises:
        InvalidArgument: a value is not of its kind, or the text is not valid Unicode (it holds half of a
            surrogate pair). Names the field.
    """
    values = {
        "source_language": request.source_language or "",
        "targets": encode_targets(request.targets, "targets"),
        "include": encode_include(request.include),
        "output": encode_format(request.output, "output"),
        "guards": encode_guards(request.guards, "guards"),
        "beam_search": encode_beam_search(request.beam_search, "beam_search"),
        "source_candidates": request.source_candidates,
        "echo": ECHOES.encode(request.echo),
        "terms": encode_terms(request.terms, "terms"),
    }
    message = message_of(pb.TranslateRequest, "", values)
    if isinstance(request.source, AudioClip):
        clip = request.source
        clip_format = encode_format(clip.format, "clip.format")
        message.clip.CopyFrom(pb.AudioClip(format=clip_format, data=clip.data, packets=clip.packets))
    elif isinstance(request.source, str):
        try:
            message.text = request.source
        except UnicodeEncodeError:
            raise InvalidArgument("holds half of a surrogate pair", field="text") from None
    else:
        raise InvalidArgument(f"must be a string, not {type(request.source).__name__}", field="text")
    return message


def encode_translate_response(seq: int, event: ResultEvent) -> pb.TranslateResponse:
    """``event`` as the ``seq``-th message of its call."""
    return pb.TranslateResponse(seq=seq, **encode_result(event))


def decode_translate_response(response: pb.TranslateResponse) -> tuple[int, ResultEvent | None]:
    """The inverse of ``encode_translate_response``; None for an event of a later contract, which callers must
    ignore.

    Raises:
        DataLoss: the response violates the contract.
    """
    try:
        return response.seq, decode_result(response)
    except InvalidArgument as error:
        raise DataLoss(f"not understood: {error.description}", field=error.field) from None


def _decode_source(request: pb.TranslateRequest) -> str | AudioClip:
    match request.WhichOneof("input"):
        case "text":
            return request.text
        case "clip":
            clip = request.clip
            if not clip.HasField("format"):
                raise InvalidArgument("is required", field="clip.format")
            return AudioClip(
                format=decode_format(clip.format, "clip.format"),
                data=clip.data,
                packets=_decode_packets(clip),
            )
        case _:
            raise InvalidArgument("neither text nor clip is set", field="input")


def _decode_packets(clip: pb.AudioClip) -> tuple[bytes, ...]:
    if len(clip.packets) > MAX_PACKETS:
        raise OutOfRange(f"has more than {MAX_PACKETS} entries", field="clip.packets")
    return tuple(clip.packets)
