"""The enums of the contract and those of the types have the same members, under the same names."""

from __future__ import annotations

from enum import Enum
from typing import Any

import pytest

from translate_svc.types import Echo, Encoding, EndReason, Inspect, Segmentation, UtteranceStatus
from translate_svc.v1 import speech_translation_pb2 as pb
from translate_svc.wire.enums import (
    ECHOES,
    ENCODINGS,
    END_REASONS,
    INSPECTS,
    SEGMENTATIONS,
    UTTERANCE_STATUSES,
)

TABLES: list[tuple[type[Enum], Any, str]] = [
    (Echo, ECHOES, "ECHO"),
    (Encoding, ENCODINGS, "ENCODING"),
    (Inspect, INSPECTS, "INSPECT"),
    (Segmentation, SEGMENTATIONS, "SEGMENTATION"),
    (EndReason, END_REASONS, "END_REASON"),
    (UtteranceStatus, UTTERANCE_STATUSES, "UTTERANCE_STATUS"),
]


@pytest.mark.parametrize(("kind", "table", "prefix"), TABLES, ids=[kind.__name__ for kind, _, _ in TABLES])
def test_every_value_of_the_contract_has_its_member(kind: type[Enum], table: Any, prefix: str) -> None:
    values = pb.DESCRIPTOR.enum_types_by_name[kind.__name__].values_by_name
    known = {f"{prefix}_{member.name}": table.encode(member) for member in kind}
    assert known == {name: value.number for name, value in values.items() if value.number}
    assert [table.decode(table.encode(member), "") for member in kind] == list(kind)


def test_every_enum_of_the_contract_is_tried() -> None:
    assert {kind.__name__ for kind, _, _ in TABLES} == set(pb.DESCRIPTOR.enum_types_by_name)
