"""Tables between the enums of the contract and those of ``translate_svc.types``."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from translate_svc.errors import InvalidArgument
from translate_svc.types import Echo, Encoding, EndReason, Inspect, Segmentation, UtteranceStatus
from translate_svc.v1 import speech_translation_pb2 as pb

E = TypeVar("E", bound=enum.Enum)
N = TypeVar("N", bound=int)


class EnumTable(Generic[E, N]):
    """A bijection between the members of an enum and the numbers of the contract's enum."""

    def __init__(self, numbers: Mapping[E, N]) -> None:
        self._numbers = dict(numbers)
        self._members: dict[int, E] = {number: member for member, number in numbers.items()}

    def encode(self, member: E) -> N:
        """The number that stands for ``member``."""
        return self._numbers[member]

    def decode(self, number: int, field: str) -> E:
        """The member that ``number`` stands for.

        Raises:
            InvalidArgument: ``number`` is 0 (unspecified) or from a later contract; names ``field``.
        """
        member = self._members.get(number)
        if member is None:
            reason = "is required" if number == 0 else f"{number} is not a known value"
            raise InvalidArgument(reason, field=field)
        return member

    def known(self, numbers: Iterable[int]) -> list[E]:
        """The members that ``numbers`` stand for. Numbers of a later contract are dropped."""
        return [self._members[number] for number in numbers if number in self._members]


ENCODINGS = EnumTable(
    {
        Encoding.PCM_S16LE: pb.ENCODING_PCM_S16LE,
        Encoding.PCM_F32LE: pb.ENCODING_PCM_F32LE,
        Encoding.MULAW: pb.ENCODING_MULAW,
        Encoding.ALAW: pb.ENCODING_ALAW,
        Encoding.OPUS: pb.ENCODING_OPUS,
        Encoding.G722: pb.ENCODING_G722,
    }
)
INSPECTS = EnumTable(
    {
        Inspect.TRANSCRIPT: pb.INSPECT_TRANSCRIPT,
        Inspect.TOKENS: pb.INSPECT_TOKENS,
        Inspect.UNITS: pb.INSPECT_UNITS,
        Inspect.TIMINGS: pb.INSPECT_TIMINGS,
        Inspect.DRAFTS: pb.INSPECT_DRAFTS,
        Inspect.ALTERNATIVES: pb.INSPECT_ALTERNATIVES,
    }
)
ECHOES: EnumTable[Echo, pb.Echo] = EnumTable(
    {
        Echo.SPEAK: pb.ECHO_SPEAK,
        Echo.TEXT: pb.ECHO_TEXT,
        Echo.SILENT: pb.ECHO_SILENT,
        Echo.PASS: pb.ECHO_PASS,
    }
)
SEGMENTATIONS = EnumTable(
    {
        Segmentation.VAD: pb.SEGMENTATION_VAD,
        Segmentation.MANUAL: pb.SEGMENTATION_MANUAL,
        Segmentation.HINDSIGHT: pb.SEGMENTATION_HINDSIGHT,
    }
)
END_REASONS = EnumTable(
    {
        EndReason.SILENCE: pb.END_REASON_SILENCE,
        EndReason.MAX_LENGTH: pb.END_REASON_MAX_LENGTH,
        EndReason.FINALIZE: pb.END_REASON_FINALIZE,
        EndReason.END_OF_STREAM: pb.END_REASON_END_OF_STREAM,
        EndReason.CLEARED: pb.END_REASON_CLEARED,
        EndReason.CONTINUED: pb.END_REASON_CONTINUED,
        EndReason.GOING_AWAY: pb.END_REASON_GOING_AWAY,
    }
)
UTTERANCE_STATUSES = EnumTable(
    {
        UtteranceStatus.OK: pb.UTTERANCE_STATUS_OK,
        UtteranceStatus.EMPTY: pb.UTTERANCE_STATUS_EMPTY,
        UtteranceStatus.FAILED: pb.UTTERANCE_STATUS_FAILED,
        UtteranceStatus.CLEARED: pb.UTTERANCE_STATUS_CLEARED,
    }
)
