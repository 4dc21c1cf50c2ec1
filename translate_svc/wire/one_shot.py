"""Translate: ``TranslateRequest`` <-> ``TranslateCall``, ``TranslateResponse`` <-> ``ResultEvent``."""

from __future__ import annotations

from translate_svc.errors import DataLoss, InvalidArgument, OutOfRange
from translate_svc.types import AudioClip, GuardSettings, ResultEvent, TranslateCall
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.wire.plain_fields import decode_plain, encode_plain
from translate_svc.wire.requests import (
    DEFAULT_OUTPUT,
    decode_format,
    decode_include,
    decode_targets,
    encode_format,
    encode_include,
    encode_targets,
)
from translate_svc.wire.results import decode_result, encode_result

MAX_PACKETS = 16_384
"""In a clip: of Opus, 40 s of the shortest ones, more than any utterance may last."""


def decode_translate_request(request: pb.TranslateRequest) -> TranslateCall:
    """What a client wants translated.

    Raises:
        InvalidArgument: names the field by its path in the contract; ``input`` when there is neither a text
            nor a clip.
    """
    return TranslateCall(
        source=_decode_source(request),
        targets=decode_targets(request.targets, "targets"),
        output=decode_format(request.output, "output") if request.HasField("output") else DEFAULT_OUTPUT,
        source_language=request.source_language or None,
        include=decode_include(request.include, "include"),
        guards=decode_plain(GuardSettings, request.guards, "guards"),
    )


def encode_translate_request(call: TranslateCall) -> pb.TranslateRequest:
    """The inverse of ``decode_translate_request``.

    Raises:
        InvalidArgument: the text is no Unicode (it holds half of a surrogate pair).
    """
    request = pb.TranslateRequest(
        source_language=call.source_language or "",
        targets=encode_targets(call.targets),
        include=encode_include(call.include),
        output=encode_format(call.output),
        guards=encode_plain(pb.GuardSettings, call.guards),
    )
    if isinstance(call.source, AudioClip):
        clip = call.source
        request.clip.CopyFrom(
            pb.AudioClip(format=encode_format(clip.format), data=clip.data, packets=clip.packets)
        )
    else:
        try:
            request.text = call.source
        except UnicodeEncodeError:
            raise InvalidArgument("holds half of a surrogate pair", field="text") from None
    return request


def encode_translate_response(seq: int, event: ResultEvent) -> pb.TranslateResponse:
    """``event`` as the ``seq``-th message of its call."""
    return pb.TranslateResponse(seq=seq, **encode_result(event))


def decode_translate_response(response: pb.TranslateResponse) -> tuple[int, ResultEvent | None]:
    """The inverse of ``encode_translate_response``; None for an event of a later contract, to be ignored.

    Raises:
        DataLoss: what the server sent cannot be understood.
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
