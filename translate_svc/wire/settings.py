"""Settings of a stream, and the parts of them that a call of Translate has too: protobuf <-> dataclasses."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized

from translate_svc.errors import InvalidArgument, OutOfRange
from translate_svc.types import (
    BeamSearchSettings,
    Echo,
    GuardSettings,
    Inspect,
    Segmentation,
    SimultaneousSettings,
    StreamSettings,
    TargetSettings,
    Term,
    VadSettings,
)
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.wire.dataclass_fields import decode_dataclass, encode_given, message_of
from translate_svc.wire.enums import ECHOES, INSPECTS, SEGMENTATIONS

MAX_ENTRIES = 1024
"""Limit of a list in a request. No list needs more; decoding a million entries would delay other calls."""


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


def encode_settings(settings: StreamSettings, path: str) -> pb.StreamSettings:
    """The inverse of ``decode_settings``.

    Raises:
        InvalidArgument: a value is not of its kind. Names the field.
    """
    simultaneous = settings.simultaneous
    return message_of(
        pb.StreamSettings,
        path,
        {
            "targets": encode_targets(settings.targets, f"{path}.targets"),
            "source_language": settings.source_language or "",
            "include": encode_include(settings.include),
            "segmentation": SEGMENTATIONS.encode(settings.segmentation),
            "vad": encode_given(VadSettings, pb.VadSettings, settings.vad, f"{path}.vad"),
            "guards": encode_guards(settings.guards, f"{path}.guards"),
            "simultaneous": None
            if simultaneous is None
            else encode_given(
                SimultaneousSettings, pb.SimultaneousSettings, simultaneous, f"{path}.simultaneous"
            ),
            "beam_search": encode_beam_search(settings.beam_search, f"{path}.beam_search"),
            "source_candidates": settings.source_candidates,
            "echo": ECHOES.encode(settings.echo),
            "terms": encode_terms(settings.terms, f"{path}.terms"),
        },
    )


def encode_guards(guards: GuardSettings, path: str) -> pb.GuardSettings:
    """The guards of a stream or of a call.

    Raises:
        InvalidArgument: a value is not of its kind. Names the field.
    """
    return encode_given(GuardSettings, pb.GuardSettings, guards, path)


def encode_beam_search(settings: BeamSearchSettings | None, path: str) -> pb.BeamSearchSettings | None:
    """The inverse of ``decode_beam_search``.

    Raises:
        InvalidArgument: a value is not of its kind. Names the field.
    """
    if settings is None:
        return None
    return encode_given(BeamSearchSettings, pb.BeamSearchSettings, settings, path)


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


def encode_targets(targets: Iterable[TargetSettings], path: str) -> list[pb.TargetSettings]:
    """The inverse of ``decode_targets``.

    Raises:
        InvalidArgument: a value is not of its kind. Names the field.
    """
    return [
        encode_given(TargetSettings, pb.TargetSettings, target, f"{path}[{index}]")
        for index, target in enumerate(targets)
    ]


def decode_terms(terms: Sequence[pb.Term], path: str) -> tuple[Term, ...]:
    """The caller's own words.

    Raises:
        OutOfRange: there are more than ``MAX_ENTRIES``.
    """
    _check_length(terms, path)
    return tuple(decode_dataclass(Term, term, f"{path}[{index}]") for index, term in enumerate(terms))


def encode_terms(terms: Iterable[Term], path: str) -> list[pb.Term]:
    """The inverse of ``decode_terms``.

    Raises:
        InvalidArgument: a value is not of its kind. Names the field.
    """
    return [encode_given(Term, pb.Term, term, f"{path}[{index}]") for index, term in enumerate(terms)]


def _check_length(entries: Sized, field: str) -> None:
    if len(entries) > MAX_ENTRIES:
        raise OutOfRange(f"has more than {MAX_ENTRIES} entries", field=field)
